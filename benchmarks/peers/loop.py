"""A plain script: every net in turn. ``python -m benchmarks.peers.loop``."""

from benchmarks.plain import fastest, plain_loop
from benchmarks.programs import digits_program
from benchmarks.work import announce, from_arguments

if __name__ == "__main__":
    fastest()
    program, work = digits_program(), from_arguments()
    for name, lr, seed in work.points:
        announce(name, lr, seed, plain_loop(program, name, lr, seed, work.epochs))
