"""What else could do the quickstart's work, a small program each: ``python -m benchmarks.peers.<name> [--help]``.

Each trains, validates after every epoch and tests once, as hpsearch does, and prints a line for each net.
"""
