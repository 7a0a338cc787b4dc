"""What a configuration chooses: one room for each group of ``conf/``.

In: the options of a group. Out: a data set, a net, an optimizer, an initialiser, a schedule, each checked.
May import: errors and registry. Nothing here knows of lanes' neighbours, workers or Hydra.
"""
