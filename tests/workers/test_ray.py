"""Runs train on the nodes of a real Ray cluster as they do in one process."""

import gc
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hpsearch.record.shape import Record
from tests.cli import TINY, Cli, records
from tests.plugin_parts import HERE, Write

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]  # one cluster for all
cluster_utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed: pip install 'hpsearch[ray]'")

GRID = ("name=g", "optimizer=sgd,adam", "lr=0.1,0.01", "seed=range(5)", "dropout=standard")


class Nodes:
    """A cluster on this machine: a head without processors, and nodes of one."""

    def __init__(self) -> None:
        head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": 10**8}
        self._cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
        self._nodes: list[Any] = []

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def have(self, count: int) -> None:
        """Add or remove nodes until there are so many."""
        while len(self._nodes) < count:
            self._nodes.append(self._cluster.add_node(num_cpus=1, object_store_memory=10**8))
        while len(self._nodes) > count:
            self.kill()

    def kill(self) -> None:
        with _forgotten():
            self._cluster.remove_node(self._nodes.pop(), allow_graceful=False)

    def actors(self) -> list[int]:
        """The processes of actors, which are children of this cluster's nodes."""
        found = subprocess.run(["ps", "-wweo", "pid,ppid,args"], capture_output=True, text=True, check=True)
        lines = [line.split(maxsplit=2) for line in found.stdout.splitlines()[1:]]
        nodes = {pid for pid, _, arguments in lines if "raylet" in arguments and self.address in arguments}
        return [int(pid) for pid, parent, arguments in lines if parent in nodes and "ray::Actor" in arguments]

    def end(self) -> None:
        with _forgotten():
            self._cluster.shutdown()
            del self._cluster


@contextmanager
def _forgotten() -> Iterator[None]:
    """Afterwards there is no object of a process that Ray has killed and not waited for: each warns at its end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    made = Nodes()
    yield made
    made.end()


@pytest.fixture
def nodes(cluster: Nodes) -> Nodes:
    cluster.have(2)
    return cluster


class Sweep:
    """A command in a process of its own."""

    def __init__(self, folder: Path, *arguments: str, script: str | None = None) -> None:
        program = ["-m", "hpsearch", "-m", *TINY] if script is None else [script, "-m"]
        line = [sys.executable, *program, *arguments]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(line, cwd=folder, text=True, start_new_session=True, **pipes)

    def trains_on(self, nodes: Nodes) -> None:
        """Wait until it does, with two workers."""
        wait_for(lambda: len(nodes.actors()) == 2 or self.process.poll() is not None)
        assert self.process.poll() is None, self.process.communicate()
        time.sleep(2)

    def ended(self, code: int = 0) -> tuple[str, str]:
        out, err = self.process.communicate(timeout=180)
        assert self.process.returncode == code, out + err
        return out, err


def on(nodes: Nodes, *more: str) -> list[str]:
    return ["hydra/launcher=ray", f"hydra.launcher.address={nodes.address}", *more]


def numbers(sweep: Path) -> dict[str, Record]:
    """The part of each record that does not depend on the place and the time of its training."""
    timed = ("seconds", "lanes", "environment", "overrides")
    return {name: {k: v for k, v in entry.items() if k not in timed} for name, entry in records(sweep).items()}


def alone(folder: Path, *arguments: str) -> dict[str, Record]:
    """The records of the same sweep on this machine."""
    Sweep(folder, *arguments, "hydra.sweep.dir=alone").ended()
    return numbers(folder / "alone")


def wait_for(condition: Any, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_grid_gives_the_records_of_one_machine(nodes: Nodes, tmp_path: Path) -> None:
    out, err = Sweep(tmp_path, *GRID, *on(nodes)).ended()
    assert err == ""
    assert "best:" in out or "test" in out
    there = numbers(tmp_path / "multirun" / "g")
    assert len(there) == 20
    assert there == alone(tmp_path, *GRID)
    assert Sweep(tmp_path, *GRID, *on(nodes)).ended()[0].startswith("20 of 20 runs are already in ")
    wait_for(lambda: not nodes.actors())


LONG = ("name=g", "lr=0.1,0.01,0.001,0.0001", "seed=0,1", "epochs=400", "hydra.launcher.lanes=4")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    return alone(tmp_path_factory.mktemp("long"), *LONG[:-1])


@pytest.mark.parametrize(
    "fault", ["an actor is killed, then a node is removed", pytest.param("an actor hangs", marks=pytest.mark.long)]
)
def test_a_sweep_survives(nodes: Nodes, tmp_path: Path, long: dict[str, Record], fault: str) -> None:
    sweep = Sweep(tmp_path, *LONG, *on(nodes, "hydra.launcher.timeout=4"))
    sweep.trains_on(nodes)
    os.kill(nodes.actors()[0], signal.SIGSTOP if fault == "an actor hangs" else signal.SIGKILL)
    if fault != "an actor hangs":
        time.sleep(1)
        nodes.kill()
    sweep.ended()
    assert numbers(tmp_path / "multirun" / "g") == long


@pytest.mark.long
def test_a_driver_that_is_killed_leaves_no_actor_and_its_command_goes_on(
    nodes: Nodes, tmp_path: Path, long: dict[str, Record]
) -> None:
    sweep = Sweep(tmp_path, *LONG, *on(nodes))
    sweep.trains_on(nodes)
    sweep.process.kill()
    sweep.process.communicate()
    wait_for(lambda: not nodes.actors())
    Sweep(tmp_path, *LONG, *on(nodes)).ended()
    assert numbers(tmp_path / "multirun" / "g") == long


@pytest.mark.long
def test_ctrl_c_ends_the_epoch_and_the_actors(nodes: Nodes, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, *LONG, *on(nodes))
    sweep.trains_on(nodes)
    sweep.process.send_signal(signal.SIGINT)
    _, err = sweep.ended(130)
    assert "stopping after this epoch" in err
    assert "interrupted; to go on: python -m hpsearch -m" in err
    wait_for(lambda: not nodes.actors())


@pytest.mark.long
def test_a_search_prunes_on_several_nodes_as_on_one(nodes: Nodes, tmp_path: Path) -> None:
    space = ("lr=tag(log, interval(0.001, 0.5))", "hydra/sweeper=hpsearch", "hydra.sweeper.n_trials=9", "epochs=9")
    halving = (
        "hydra/sweeper/sampler=random",
        "hydra.sweeper.sampler.seed=1",
        "hydra/sweeper/pruner=synchronous_halving",
    )
    chosen = ("name=g", *space, *halving, "hydra.sweeper.pruner.cohort=9")
    Sweep(tmp_path, *chosen, *on(nodes)).ended()
    (tmp_path / "multirun" / "hpsearch.db").unlink()
    there = numbers(tmp_path / "multirun" / "g")
    assert sorted(entry["status"] for entry in there.values()) == ["finished"] + 8 * ["pruned"]
    assert there == alone(tmp_path, *chosen)


@pytest.mark.long
def test_parts_of_a_plugin_travel_with_the_runs(nodes: Nodes, tmp_path: Path, module: Write) -> None:
    from tests.plugin_parts import PARTS

    module("my_parts", PARTS)
    chosen = (HERE, "name=g", "optimizer=sign_sgd", "architecture.activation=swish", "init=small", "lr=0.01,0.1")
    Sweep(tmp_path, *chosen, *on(nodes)).ended()
    assert numbers(tmp_path / "multirun" / "g") == alone(tmp_path, *chosen)


SCRIPT = """
import time
import hpsearch

def loss_of(x, step):
    return (x - 1) ** 2 + 1 / (step + 1)

@hpsearch.main(metric="val_loss", direction="minimize")
def train(cfg, run):
    kept = run.resume / "step"
    for step in range(int(kept.read_text()) if kept.exists() else 0, 10):
        time.sleep(0.05)
        run.log(step, val_loss=loss_of(cfg.x, step))
        kept.write_text(str(step + 1))
    run.finish(loss=loss_of(cfg.x, 10))

if __name__ == "__main__":
    train()
"""


def test_a_search_of_a_script_survives_a_killed_worker(nodes: Nodes, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SCRIPT)
    search = ("hydra/sweeper=hpsearch", "+x=interval(0,3)", "hydra.sweeper.n_trials=40", "hydra/sweeper/pruner=median")
    sweep = Sweep(tmp_path, *search, *on(nodes), "name=g", script="own.py")
    sweep.trains_on(nodes)
    os.kill(nodes.actors()[0], signal.SIGKILL)
    out, err = sweep.ended()
    assert "a worker was lost with 1 run, to begin again" in err
    found = list(records(tmp_path / "multirun" / "g").values())
    assert len(found) == 40
    statuses = [record["status"] for record in found]
    assert set(statuses) == {"finished", "pruned"}
    for record in found:
        x = record["config"]["x"]
        curve = [(x - 1) ** 2 + 1 / (step + 1) for step in range(10)]
        assert record["history"]["val_loss"] == curve[: len(record["history"]["val_loss"])]
        if record["status"] == "finished":  # a pruned one may have been stopped at its last step, too
            assert len(record["history"]["val_loss"]) == 10
    assert "is best: loss (lower is better)" in out


def test_a_node_with_another_version_is_refused(nodes: Nodes, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from hpsearch.workers import ray_actor

    here = ray_actor.versions()
    monkeypatch.setattr(ray_actor, "versions", lambda: here | {"torch": "0.1"})
    shown = cli("-m", *TINY, "name=g", "lr=0.1,0.2", *on(nodes))
    assert (shown.code, shown.err.count("\n")) == (2, 1), shown.err
    assert f" has torch {here['torch']} and this machine 0.1; the numbers would differ: install the same" in shown.err


@pytest.mark.long
def test_wrong_options_are_one_line(nodes: Nodes, tmp_path: Path) -> None:
    def fault(*more: str) -> str:
        return Sweep(tmp_path, "name=g", "lr=0.1,0.2", *on(nodes), *more).ended(2)[1]

    assert fault("hydra.launcher.cpus=64") == (
        "error: hydra.launcher.cpus=64: must be at most 1: no node of the cluster has more; "
        "with hydra.launcher.workers=N it may add some\n"
    )
    assert fault("hydra.launcher.gpus=1").startswith("error: hydra.launcher.gpus=1.0: must be at most 0: no node")
    assert fault("hydra.launcher.retries=-1") == "error: hydra.launcher.retries=-1: must be at least 0\n"
    nobody = fault("hydra.launcher.address=127.0.0.1:1")
    assert nobody.startswith("error: hydra.launcher.address=127.0.0.1:1: ")
    assert nobody.count("\n") == 1
    assert not (tmp_path / "multirun").exists()
