"""Integrations: callbacks that report the training of other libraries to a `ScriptRun`.

In: a run of a script. Out: a callback of the library, which is imported only here.

May import: script, and the files beside the wings.
"""
