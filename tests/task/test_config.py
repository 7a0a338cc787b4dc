"""Every option composes, and what of a configuration is a run's identity."""

import time
from pathlib import Path

import pytest
import yaml

from hpsearch.cli.program import CONF
from hpsearch.record.file import key_of
from hpsearch.record.implied import ADDED
from hpsearch.task.identity import identity
from tests.composing import NAMED, OPTIONS, job_cfg
from tests.tables import penguins, written


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_composes_and_begins_with_its_name(group: str, option: str) -> None:
    cfg = job_cfg(f"{group}={option}")
    assert next(iter(cfg[group].items())) == ("name", option)
    assert identity(cfg).get(group, ADDED.get(group, {}))["name"] == option


@pytest.mark.parametrize(("group", "option"), NAMED)
def test_every_experiment_and_search_names_itself(group: str, option: str) -> None:
    taken = group == "search" and ("experiment", option) in NAMED
    assert job_cfg(f"{group}={option}").name == (f"{group}_{option}" if taken else option)


def test_the_bare_command_is_the_papers_baseline() -> None:
    config = identity(job_cfg())
    assert config == identity(job_cfg("experiment=baseline"))
    assert config["data"] == {"name": "fashion_mnist", "validation": 6000, "split_seed": 0}
    assert (config["architecture"]["depth"], config["architecture"]["width"]) == (2, 400)
    assert (config["optimizer"]["name"], config["lr"]) == ("sgd", 0.03)
    assert (config["epochs"], config["batch_size"]) == (40, 512)
    assert -(-54_000 // config["batch_size"]) == 106


def test_a_sweep_without_a_name_gets_a_time_stamp() -> None:
    assert time.strptime(job_cfg().name, "%Y-%m-%d_%H-%M-%S")


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam", "adamw"])
def test_an_optimizer_brings_its_lr_and_the_top_level_lr_wins(optimizer: str) -> None:
    own = yaml.safe_load((CONF / "optimizer" / f"{optimizer}.yaml").read_text())["lr"]
    assert identity(job_cfg(f"optimizer={optimizer}"))["lr"] == own
    assert identity(job_cfg(f"optimizer={optimizer}", "lr=0.5"))["lr"] == 0.5
    assert "lr" not in identity(job_cfg(f"optimizer={optimizer}"))["optimizer"]


def test_where_and_under_which_name_a_run_is_made_is_not_its_identity() -> None:
    elsewhere = job_cfg("name=x", "device=cuda", "data.root=/elsewhere")
    assert identity(elsewhere) == identity(job_cfg())


OF_BEFORE = {  # the keys that runs had before a split could be chosen
    "": "52b2c1b3b7c7fcf9",
    "data=digits seed=3 optimizer=adam": "b29aa84fd8874b28",
    "architecture=svc": "13a3d9e4287cc54b",
    "dropout=standard normalization=batch schedule=one_cycle": "dca502b54ffa9b2b",
}


@pytest.mark.parametrize("overrides", list(OF_BEFORE))
def test_a_key_that_came_later_changes_no_record_of_before(overrides: str) -> None:
    assert key_of(identity(job_cfg(*overrides.split()))).startswith(OF_BEFORE[overrides])


def test_the_content_of_a_table_is_its_identity_and_not_its_place(tmp_path: Path) -> None:
    def of(path: str) -> dict[str, object]:
        return identity(job_cfg("data=table", f"data.path={path}"))

    first, moved = written(tmp_path, penguins()), written(tmp_path, penguins(), "moved.csv")
    other = written(tmp_path, penguins(seed=1), "other.csv")
    assert of(first) == of(moved) != of(other)
    assert str(tmp_path) not in str(of(first))
    before = of(moved)
    written(tmp_path, penguins(seed=1), "moved.csv")
    assert of(moved) == of(other) != before, "the same name, another content"


def test_the_content_of_index_files_is_a_part_of_the_identity(tmp_path: Path) -> None:
    def of(files: str) -> dict[str, object]:
        return identity(job_cfg("data=digits", "split=given", f"split.files={files}"))

    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for seed in (0, 1):
            (tmp_path / folder / f"{seed}.npz").write_bytes(b"%d" % seed)
    a, b = (f"'{tmp_path}/{folder}/{{seed}}.npz'" for folder in "ab")
    assert of(a) == of(b) != of(f"{tmp_path}/a/0.npz")
    mapping = f"{{train:{tmp_path}/a/0.npz,test:{tmp_path}/a/1.npz}}"
    assert of(mapping) == of(mapping.replace("/a/", "/b/")) != of(mapping.replace("1.npz", "0.npz"))
