"""Script: training by a function of the user's, one run at a time, told of by `ScriptRun`.

In: a function of (configuration, run), a configuration, a folder. Out: a `Trainer` whose epoch lasts until the function
reports the metric that selects.

May import: engine, components, record, and the files beside the wings.
"""
