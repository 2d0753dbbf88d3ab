"""Digits and signs → numbers, and what constraints leave of them."""
