"""Networks, data, recipes and measurement: what scanning never imports."""
