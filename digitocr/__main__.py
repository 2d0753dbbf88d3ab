"""The `digitocr` command, and `python -m digitocr`."""


def main() -> None:
    """Run the command line, which worker processes do without: they load this module again."""
    from digitocr.cli import main as run

    run()


if __name__ == "__main__":
    main()
