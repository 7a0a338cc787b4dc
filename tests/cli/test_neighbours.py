"""Other Hydra programs of an environment in which hpsearch is installed: discovery imports our plugins in each."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from hpsearch.cli import task_function, travelling_task
from hpsearch.cli.own_options import OPTIONS, own_options
from hpsearch.cli.storage_url import STORAGE
from hpsearch.cli.task_function import Task

# A program with a node and a resolver of its own; then our entry points are loaded, as Hydra does.
FOREIGN = """
import json, os
from importlib.metadata import entry_points

import hydra.core.plugins as plugins
from hydra.core.config_store import ConfigStore, ConfigNode
from omegaconf import OmegaConf

every = entry_points(group="hydra.plugins")
plugins.entry_points = lambda group: [point for point in every if not point.value.startswith("hpsearch")]
ConfigStore.instance().store("schema", {"mine": 1})
OmegaConf.register_new_resolver("run_folder", lambda: "mine")
plugins.Plugins.instance()

def nodes(repo, path=""):
    for key, value in repo.items():
        if isinstance(value, ConfigNode):
            yield f"{path}/{key}", f"{value.provider}: {OmegaConf.to_yaml(value.node)}"
        else:
            yield from nodes(value, f"{path}/{key}")

before, environment = dict(nodes(ConfigStore.instance().repo)), dict(os.environ)
loaded = [point.load().__name__ for point in every if point.value.startswith("hpsearch")]
after = dict(nodes(ConfigStore.instance().repo))
changed = [name for name in before if before[name] != after[name]]
new = {name: text.partition(":")[0] for name, text in after.items() if name not in before}
mine = OmegaConf.create({"x": "${run_folder:}"}).x
print(json.dumps([loaded, changed, new, mine, environment == dict(os.environ)]))
"""


def test_being_installed_changes_nothing_of_a_foreign_program(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FOREIGN], cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded, changed, new, mine, same_environment = json.loads(done.stdout)
    assert {"StackedLauncher", "OptunaSweeper"} <= {*loaded}
    assert changed == []
    assert set(new.values()) == {"hpsearch"}
    assert mine == "mine"
    assert same_environment


def test_names_that_others_have_are_ours_during_a_command_only() -> None:
    store = ConfigStore.instance()
    store.store("ray", {"theirs": 1}, "hydra/launcher", provider="another", replace=True)
    try:
        before = [store.load(f"{group}/{name}.yaml") for group, name in OPTIONS]
        with own_options():
            assert {store.load(f"{group}/{name}.yaml").provider for group, name in OPTIONS} == {"hpsearch"}
        after = [store.load(f"{group}/{name}.yaml") for group, name in OPTIONS]
        assert [(node.node, node.provider) for node in after] == [(node.node, node.provider) for node in before]
        assert {node.provider for node in after} == {"another", "optuna_sweeper"}
    finally:
        del store.repo["hydra"]["launcher"]["ray.yaml"]


def test_the_url_of_the_storage_travels_with_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of another launcher unpickles the task in a process without our environment."""
    seen: list[str | None] = []
    monkeypatch.setenv(STORAGE, "another's")
    monkeypatch.setattr(task_function, "run", lambda cfg: seen.append(os.environ.get(STORAGE)) or 0.5)
    monkeypatch.chdir(tmp_path)
    server = "postgresql+psycopg://me:secret@host/x"
    for url, there in ((server, server), ("sqlite:///a/b.db", f"sqlite:///{tmp_path}/a/b.db")):
        task = travelling_task.for_launcher("hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher", url, Task())
        assert pickle.loads(pickle.dumps(task))(OmegaConf.create()) == 0.5
        assert seen.pop() == there
        assert "secret" not in repr(task)
    for target in ("hpsearch.cli.launcher.StackedLauncher", "hydra_plugins.hydra_submitit_launcher.x.SlurmLauncher"):
        assert travelling_task.for_launcher(target, server, task := Task()) is task
