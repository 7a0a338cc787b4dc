"""Make the sampler of a search: one of Optuna's, with Optuna's defaults."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import optuna
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from hpsearch.errors import UsageError

SAMPLERS = (  # that a configuration may name
    *(f"optuna.samplers.{name}" for name in optuna.samplers.__all__),
    "hydra_plugins.hydra_optuna_sweeper.*",  # Hydra refuses what that package only imports
    "hpsearch.search.samplers.auto_sampler",
)


def auto_sampler(seed: int | None = None) -> Any:
    """OptunaHub's AutoSampler. Raises ImportError without the package."""
    import optunahub

    return optunahub.load_module("samplers/auto_sampler").AutoSampler(seed=seed)


def sampler_factory(sampler_cfg: DictConfig) -> Callable[[int], Any]:
    """A function from the number of trials that a study has to a sampler. A seeded sampler does not repeat them.

    Raises UsageError for options that the sampler refuses.
    """
    options: Any = OmegaConf.to_container(sampler_cfg, resolve=True)
    plain = {key: value for key, value in options.items() if value is not None}
    name = plain["_target_"].rpartition(".")[2]
    if name == "GridSampler":
        raise UsageError(["hydra/sweeper/sampler=grid: a grid needs no sampler; leave hydra/sweeper=hpsearch out"])

    def make(trials: int) -> Any:
        if trials and "seed" in plain:  # a SeedSequence, because its streams do not overlap
            import numpy as np

            plain["seed"] = int(np.random.SeedSequence([plain["seed"], trials]).generate_state(1)[0])
        return instantiate(plain, _execution_whitelist_=SAMPLERS)

    with blaming(f"hydra/sweeper/sampler: {name}"):
        make(0)
    return make


@contextmanager
def blaming(setting: str) -> Iterator[None]:
    """Inside, any exception becomes a UsageError for `setting`, because Optuna raises many types for a wrong option."""
    try:
        yield
    except Exception as error:
        cause = error.__cause__ or error
        named = "" if isinstance(cause, UsageError) else f"{type(cause).__name__}: "
        reason = named + " ".join(str(cause).split())
        if isinstance(cause, ModuleNotFoundError):
            reason = f"needs a package that is not here; pip install {cause.name}"
        raise UsageError([f"{setting}: {reason}"]) from error
