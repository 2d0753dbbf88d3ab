"""The `digitocr` command, and `python -m digitocr`."""

import sys


def main() -> None:
    """Run the command line, which worker processes do without: they load this module again."""
    try:
        from digitocr.cli.app import main as run
    except KeyboardInterrupt:  # as the commands end it
        print("error: interrupted.", file=sys.stderr)
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
