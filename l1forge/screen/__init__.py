"""What the commands print: tables, progress, messages."""
