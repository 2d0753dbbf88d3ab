"""What every part speaks: errors, boxes, sources, settings, results."""
