"""The sampler of a search: Optuna's, with Optuna's own defaults."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from hpsearch.errors import UsageError

SAMPLERS = ("optuna.samplers.*", "hydra_plugins.hydra_optuna_sweeper.*", "hpsearch.search.samplers.auto_sampler")


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

    with blaming(f"hydra/sweeper/sampler: {name}"):
        make(0)
    return make


@contextmanager
def blaming(setting: str) -> Iterator[None]:
    """Whatever goes wrong inside is the fault of this setting: Optuna's classes have no error of their own for that."""
    try:
        yield
    except Exception as error:
        cause = error.__cause__ or error
        named = "" if isinstance(cause, UsageError) else f"{type(cause).__name__}: "
        reason = named + " ".join(str(cause).split())
        if isinstance(cause, ModuleNotFoundError):
            reason = f"needs a package that is not here; pip install {cause.name}"
        raise UsageError([f"{setting}: {reason}"]) from error
