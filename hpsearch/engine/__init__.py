"""How runs train: lanes on one device, as one program.

In: lane specs and the stack spec that they share. Out: a history each epoch, a result for each run.
May import: components.
"""
