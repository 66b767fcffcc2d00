"""The command line: a command parses its arguments, calls the library, prints what it gives."""

from actionclip.cli.app import main

__all__ = ["main"]
