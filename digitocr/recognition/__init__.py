"""Ink → digits and signs, with alternatives."""
