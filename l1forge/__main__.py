"""`python -m l1forge`: the command line where the `l1forge` script is not on PATH."""

from l1forge.cli import main

if __name__ == "__main__":
    main()
