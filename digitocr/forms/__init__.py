"""A form, its place on a page, and its fields."""
