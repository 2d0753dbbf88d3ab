"""Drawn pages and lines with exact truth, and the real digits that they are made of."""
