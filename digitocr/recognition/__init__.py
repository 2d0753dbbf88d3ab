"""Ink to digits and signs."""
