"""`python -m digitocr`."""

from digitocr.cli import main

main()
