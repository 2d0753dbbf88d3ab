"""The order of the stages. Read `page.py` first."""
