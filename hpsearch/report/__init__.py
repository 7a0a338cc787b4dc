"""What the records say: numbers, then a verdict, then words, tables, figures and a page.

In: the folders of one or more sweeps. Out: the printed table and verdict, and the files of ``report/``.
May import: record; neither torch nor Hydra.
"""
