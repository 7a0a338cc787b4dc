"""From records to a report: statistics, a verdict, its text, tables, figures and a page.

In: the folders of one or more sweeps. Out: the printed table and verdict, and the files of ``report/``.
May import: record; neither torch nor Hydra.
"""
