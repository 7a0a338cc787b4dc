"""Other programs for the quickstart's work, a small one each: ``python -m benchmarks.peers.<name> [--help]``.

Each trains, validates after every epoch and tests once, as hpsearch does, and prints a line for each net.
"""
