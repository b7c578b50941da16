"""Hide the messages of TensorFlow, torch and hls4ml; some of them ignore every log level."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from l1forge.emulator.errors import InputError

VERBOSE = "L1FORGE_VERBOSE"
"""Environment variable: any value that is not empty shows all messages."""


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what is written to standard error inside the block, by C++ code too.

    It is shown if the block fails with anything but what is told in one line (InputError, OSError).
    """
    if os.environ.get(VERBOSE):
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as said:
        saved = os.dup(2)
        os.dup2(said.fileno(), 2)
        failed = False
        try:
            yield
        except (InputError, OSError):
            raise
        except Exception:
            failed = True
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            if failed:
                said.seek(0)
                os.write(2, said.read())


def import_tensorflow() -> None:
    """Load TensorFlow (with Keras 2) silently; later imports find it loaded."""
    from l1forge.models.vae_dense.network import keras

    with quiet_stderr():
        keras()
