"""Optuna: which run comes next.

In: a search space, a sampler, a pruner, a storage. Out: a source of runs, and a study that keeps what they gave.
May import: task and below.
"""
