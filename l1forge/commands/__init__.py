"""One file per subcommand, imported only when it runs."""
