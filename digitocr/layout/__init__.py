"""Lines of text, ruled grids and tables."""
