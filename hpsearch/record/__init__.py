"""The ground: records, the folders that hold them, and the commands that repeat them.

In: the plain record of a run. Out: ``record.json`` and a sweep's folders, the table of all runs, commands.
May import: nothing of hpsearch but errors and formatting; neither torch nor Hydra.
"""
