"""Odd input: whatever is typed ends in a line, and leaves nothing."""
