"""The suites: a module each, whose function returns its table."""

from collections.abc import Callable

from benchmarks.suites.cnn import cnn
from benchmarks.suites.commands import commands, thousand
from benchmarks.suites.cuda import cuda
from benchmarks.suites.digits import digits
from benchmarks.suites.drivers import drivers
from benchmarks.suites.fashion import fashion
from benchmarks.suites.faults import faults
from benchmarks.suites.folds import folds
from benchmarks.suites.growth import growth
from benchmarks.suites.jobs import jobs
from benchmarks.suites.memory import memory
from benchmarks.suites.module import module
from benchmarks.suites.ray import ray
from benchmarks.suites.reports import reports
from benchmarks.suites.scale import scale
from benchmarks.suites.sizes import sizes
from benchmarks.suites.startup import startup
from benchmarks.timing import Found, Options

SUITES: dict[str, Callable[[Options], Found]] = {
    "digits": digits,
    "commands": commands,
    "thousand": thousand,
    "fashion": fashion,
    "module": module,
    "cnn": cnn,
    "folds": folds,
    "startup": startup,
    "jobs": jobs,
    "growth": growth,
    "sizes": sizes,
    "cuda": cuda,
    "reports": reports,
    "memory": memory,
    "ray": ray,
    "scale": scale,
    "drivers": drivers,
    "faults": faults,
}
