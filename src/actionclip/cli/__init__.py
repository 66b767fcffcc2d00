"""The command line: one module a command; it parses arguments, calls the library, prints."""


def main() -> None:
    """Run the `actionclip` program."""
    from actionclip.cli import __main__

    __main__.main()
