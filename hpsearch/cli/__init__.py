"""The only wing that knows Hydra's run-time: launcher, sweeper, callbacks, the task function.

In: a command line, from a shell or a Python session. Out: a trained sweep and its report.
May import: every other wing.
"""
