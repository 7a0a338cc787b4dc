"""Every option composes, and what of a configuration is a run's identity."""

import time

import pytest
import yaml

from hpsearch.cli.command import CONF
from hpsearch.task.identity import ADDED, identity
from tests.composing import NAMED, OPTIONS, job_cfg


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
