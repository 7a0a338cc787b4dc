"""Where runs train: shared out among processes and devices.

In: a source of runs. Out: the outcome of each, as it ends.
May import: engine, components.
"""
