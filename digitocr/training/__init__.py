"""Networks, recipes, calibration, and how good they are."""
