"""The sampler of a search: Optuna's, with Optuna's own defaults."""

from collections.abc import Callable
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from hpsearch.usage import UsageError

REFUSED = (InstantiationException, ImportError, ValueError, TypeError, ArithmeticError)  # what classes say no with
SAMPLERS = ("optuna.samplers.*", "hydra_plugins.hydra_optuna_sweeper.*", "hpsearch.samplers.auto_sampler")


def auto_sampler(seed: int | None = None) -> Any:
    """OptunaHub's AutoSampler. Raises ImportError without the package."""
    import optunahub

    return optunahub.load_module("samplers/auto_sampler").AutoSampler(seed=seed)


def sampler_factory(conf: DictConfig) -> Callable[[int], Any]:
    """Makes the sampler for a study of so many trials; a seeded one goes on from there, not from its first point."""
    plain: Any = OmegaConf.to_container(conf, resolve=True)
    plain = {key: value for key, value in plain.items() if value is not None}
    name = plain["_target_"].rpartition(".")[2]
    if name == "GridSampler":
        raise UsageError(["hydra/sweeper/sampler=grid: a grid needs no sampler; leave hydra/sweeper=hpsearch out"])

    def make(trials: int) -> Any:
        if trials and "seed" in plain:  # SeedSequence: streams that do not overlap
            import numpy as np

            plain["seed"] = int(np.random.SeedSequence([plain["seed"], trials]).generate_state(1)[0])
        return instantiate(plain, _execution_whitelist_=SAMPLERS)

    try:
        make(0)
    except REFUSED as error:
        raise UsageError([f"hydra/sweeper/sampler: {name}: {reason_of(error)}"]) from error
    return make


def reason_of(error: Exception) -> str:
    """What the class itself said, in a line; for a package that is missing, how to install it."""
    cause = error.__cause__ or error
    if isinstance(cause, ModuleNotFoundError):
        return f"needs a package that is not here; pip install {cause.name}"
    return " ".join(str(cause).split())
