"""hpsearch: hyperparameter search for PyTorch, many runs trained as one program."""

import os

__version__ = "0.1.0"

# MKL otherwise picks its code by the memory alignment of an operand, and a lane's rounding would then depend
# on its place in the stack. MKL reads this once, so it is set before anything imports torch; it costs no speed
# that we could measure. A value of the user's own stays.
os.environ.setdefault("MKL_CBWR", "AUTO")
