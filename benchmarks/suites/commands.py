"""Whole commands, from the interpreter's start to the printed result: hpsearch beside what else could do the work."""

from functools import partial

from benchmarks.command import hpsearch, peer
from benchmarks.programs import THREADS
from benchmarks.timing import Case, Found, Options, compared, interleaved
from benchmarks.work import QUICKSTART, THOUSAND, Work

JOBLIB = "hydra/launcher=joblib", f"hydra.launcher.n_jobs={THREADS}"
NEEDS_JOBLIB = "hydra_plugins.hydra_joblib_launcher"


def _loop(work: Work) -> Case:
    return Case("plain loop as a script", partial(peer, "loop", *work.arguments, work=work), len(work))


def _hydra(work: Work) -> Case:
    measure = partial(peer, "hydra_job", "-m", *work.overrides, work=work)
    return Case("Hydra, basic launcher, plain loop", measure, len(work))


def _hydra_joblib(work: Work) -> Case:
    measure = partial(peer, "hydra_job", "-m", *work.overrides, *JOBLIB, work=work, needs=NEEDS_JOBLIB)
    return Case(f"Hydra, joblib launcher, plain loop, {THREADS} processes", measure, len(work))


def _alone(name: str, module: str, needs: str, work: Work) -> Case:
    return Case(name, partial(peer, module, *work.arguments, work=work, needs=needs), len(work))


def _hpsearch(name: str, work: Work, *overrides: str) -> Case:
    return Case(name, partial(hpsearch, work, *overrides), len(work))


def commands(options: Options) -> Found:
    """The quickstart's 45 runs as whole commands. scikit-learn has no RMSprop (Adam takes its share) and validates
    a net once, not after each epoch; ModelBatch's nets share their batches."""
    work = QUICKSTART
    cases = [
        _loop(work),
        _hydra(work),
        _hydra_joblib(work),
        _alone("Optuna, Study.optimize, plain loop", "optuna_grid", "optuna", work),
        _alone(f"Ray Tune, plain loop, {THREADS} processes", "ray_tune", "ray", work),
        _alone(f"scikit-learn, GridSearchCV, {THREADS} processes", "sklearn_grid", "sklearn", work),
        _alone("ModelBatch", "model_batch", "modelbatch", work),
        _hpsearch("hpsearch, hydra/launcher=basic", work, "hydra/launcher=basic"),
        _hpsearch("hpsearch, hydra/launcher=joblib", work, *JOBLIB),
        _hpsearch("hpsearch", work),
    ]
    return compared(interleaved(cases, options.rounds or 3), "hpsearch")


def thousand(options: Options) -> Found:
    """1,000 runs as whole commands: 2 optimizers, 10 learning rates, 50 seeds, otherwise as in the quickstart."""
    work = THOUSAND
    cases = [
        _loop(work),
        _hydra(work),
        _alone("ModelBatch", "model_batch", "modelbatch", work),
        _hpsearch("hpsearch", work),
    ]
    return compared(interleaved(cases, options.rounds or 1, warm_up=False), "hpsearch")
