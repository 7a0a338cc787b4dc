"""How runs train: lanes on one device, as one program.

In: lane specs and the stack spec that they share. Out: a history each epoch, a result for each run.
May import: components.
"""

import os

# MKL otherwise picks its code by the memory alignment of an operand, and a lane's rounding would then depend on its
# place in the stack. MKL reads this once, so the doors import this before anything imports torch. It costs no speed
# that we could measure. A user's own value stays. Other Hydra programs import our plugins, but not this.
os.environ.setdefault("MKL_CBWR", "AUTO")
