"""Grey page → upright, level page, and its ink as a binary image."""
