"""The web page on which a person checks numbers."""
