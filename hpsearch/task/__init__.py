"""A configuration becomes a run, and a run becomes a record.

In: composed configurations. Out: checked runs, their records, or every fault at once.
May import: workers, engine, components, record. Below this wing there are only plain values and small dataclasses.
"""
