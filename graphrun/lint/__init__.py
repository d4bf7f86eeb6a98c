"""Warnings about specs that are right and most likely not meant."""
