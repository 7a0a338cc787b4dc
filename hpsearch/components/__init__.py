"""The choices of a configuration: one module or folder for each group of ``conf/``.

In: the options of a group. Out: a data set, a net, an optimizer, an initialiser, a schedule, each checked.
May import: errors and registry. No module here knows engine, workers or Hydra.
"""
