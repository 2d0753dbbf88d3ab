"""Labelled digits and drawn lines to train on."""
