"""The options of ours whose names other Hydra plugins have, too: they are ours only while a command of hpsearch runs.

Hydra imports the plugins of every installed package in every program, so what a module registers when it is imported
must have a name of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from hydra.core.config_store import ConfigStore

from hpsearch.cli.ray_launcher import RayLauncherConf
from hpsearch.search.config import TPEConf

OPTIONS = {("hydra/sweeper/sampler", "tpe"): TPEConf, ("hydra/launcher", "ray"): RayLauncherConf}


@contextmanager
def own_options() -> Iterator[None]:
    """Inside, our options take the place of others of the same name."""
    store = ConfigStore.instance()
    before = {}
    for (group, name), node in OPTIONS.items():
        if f"{name}.yaml" in store.list(group):
            before[group, name] = store.load(f"{group}/{name}.yaml")
        store.store(name, node, group, provider="hpsearch", replace=True)
    try:
        yield
    finally:
        for (group, name), its in before.items():
            store.store(name, its.node, group, its.package, its.provider, replace=True)
