"""Data sets: ``data=``."""
