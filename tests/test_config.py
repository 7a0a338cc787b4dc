"""Every option composes, and the launcher's composer gives what Hydra gives."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_automatic_config_search_path
from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hpsearch.cli.command import CONF
from hpsearch.cli.compose import Composer
from hpsearch.task.config import identity

SWEEPS = ("experiment", "search")  # groups of whole sweeps, not of parts of a configuration
GROUPS = sorted(folder.name for folder in CONF.iterdir() if folder.is_dir() and folder.name not in (*SWEEPS, "hydra"))
OPTIONS = [(group, path.stem) for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]
NAMED = [(group, path.stem) for group in SWEEPS for path in sorted((CONF / group).glob("*.yaml"))]


@pytest.fixture(scope="module")
def loader() -> ConfigLoader:
    setup_globals()
    return ConfigLoaderImpl(create_automatic_config_search_path(None, None, str(CONF)))


def master(loader: ConfigLoader, *overrides: str) -> DictConfig:
    return loader.load_configuration("config", list(overrides), run_mode=RunMode.MULTIRUN)


def sweep_of(overrides: Iterable[str]) -> list[str]:
    """Hydra wants an experiment or a search to be chosen before its sweep: it configures the sweeper."""
    return [override for override in overrides if override.startswith(tuple(f"{group}=" for group in SWEEPS))]


def job(loader: ConfigLoader, *overrides: str) -> DictConfig:
    return loader.load_sweep_config(master(loader, *sweep_of(overrides)), list(overrides))


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_composes_and_begins_with_its_name(loader: ConfigLoader, group: str, option: str) -> None:
    config = identity(job(loader, f"{group}={option}"))
    assert next(iter(config[group].items())) == ("name", option)


@pytest.mark.parametrize(("group", "option"), NAMED)
def test_every_experiment_and_search_names_itself(loader: ConfigLoader, group: str, option: str) -> None:
    taken = group == "search" and ("experiment", option) in NAMED
    assert job(loader, f"{group}={option}").name == (f"{group}_{option}" if taken else option)


def test_the_bare_command_is_the_papers_baseline(loader: ConfigLoader) -> None:
    config = identity(job(loader))
    assert config == identity(job(loader, "experiment=baseline"))
    assert config["data"] == {"name": "fashion_mnist", "validation": 6000, "split_seed": 0}
    assert (config["architecture"]["depth"], config["architecture"]["width"]) == (2, 400)
    assert (config["optimizer"]["name"], config["lr"]) == ("sgd", 0.03)
    assert (config["epochs"], config["batch_size"]) == (40, 512)
    assert -(-54_000 // config["batch_size"]) == 106


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam", "adamw"])
def test_an_optimizer_brings_its_lr_and_the_top_level_lr_wins(loader: ConfigLoader, optimizer: str) -> None:
    own = yaml.safe_load((CONF / "optimizer" / f"{optimizer}.yaml").read_text())["lr"]
    assert identity(job(loader, f"optimizer={optimizer}"))["lr"] == own
    assert identity(job(loader, f"optimizer={optimizer}", "lr=0.5"))["lr"] == 0.5
    assert "lr" not in identity(job(loader, f"optimizer={optimizer}"))["optimizer"]


def test_where_and_under_which_name_a_run_is_made_is_not_its_identity(loader: ConfigLoader) -> None:
    elsewhere = job(loader, "name=x", "device=cuda", "data.root=/elsewhere")
    assert identity(elsewhere) == identity(job(loader))


@pytest.mark.parametrize(
    "overrides",
    [[f"{group}={option}"] for group, option in OPTIONS]
    + [[f"{group}={option}", "seed=3", "lr=0.1"] for group, option in NAMED]
    + [
        ["optimizer=adam", "optimizer.weight_decay=0.1", "lr=1", "seed=5"],
        ["lr=0.1", "optimizer=adam"],
        ["optimizer.betas=[0.8,0.9]", "optimizer=adamw"],
        ["architecture.widths=[64,32]", "architecture.activation=tanh", "dropout.p=0.3"],
        ["architecture.widths=null", "name=x", "device=cpu"],
        ["name='a b'", "precision=bfloat16", "hydra.job.chdir=false"],
        ["+data.extra=1", "data=mnist"],
        ["~optimizer.momentum"],
        ["data.root=${oc.env:HOME}"],
        ["epochs=7", "epochs=8"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_the_composer_gives_what_hydra_gives(loader: ConfigLoader, overrides: list[str]) -> None:
    top = master(loader, *sweep_of(overrides))
    ours, theirs = Composer(loader).load_whole_config(top, overrides), loader.load_sweep_config(top, overrides)
    assert OmegaConf.to_container(ours, resolve=False) == OmegaConf.to_container(theirs, resolve=False)
    assert identity(ours) == identity(theirs)
    assert OmegaConf.get_type(ours, "lr") is OmegaConf.get_type(theirs, "lr")


@pytest.mark.parametrize("override", ["epoch=3", "optimizer.momentun=0.9", "lr=abc", "seed=1.5", "optimizer=foo"])
def test_the_composer_refuses_what_hydra_refuses(loader: ConfigLoader, override: str) -> None:
    top = master(loader)
    messages = []
    for one in (Composer(loader), loader):
        with pytest.raises(Exception) as raised:  # noqa: PT011
            one.load_sweep_config(top, [override])
        messages.append((type(raised.value), str(raised.value)))
    assert messages[0] == messages[1]


def test_a_built_wheel_carries_the_configuration_and_runs_from_anywhere(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parent.parent
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        str(root),
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        str(tmp_path),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", str(wheel), "--no-deps", "-q", "--target", str(site)]
    subprocess.run(install, check=True, capture_output=True)
    assert (site / "hpsearch" / "report" / "page.html").exists()
    (tmp_path / "empty").mkdir()
    shown = subprocess.run(
        [sys.executable, "-m", "hpsearch", "--cfg", "job", "experiment=quickstart"],
        cwd=tmp_path / "empty",
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert yaml.safe_load(shown.stdout)["batch_size"] == 64
