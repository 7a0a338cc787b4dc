"""Faults that a stranger would cause: damaged files, foreign ones, full disks."""
