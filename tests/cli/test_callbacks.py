"""The checks of a command before its folder is made, and the line at the end of a single run."""

from pathlib import Path

import pytest
from hydra.core.utils import JobReturn
from omegaconf import OmegaConf

from hpsearch.cli.callbacks import Callbacks
from hpsearch.cli.error_lines import Carried
from hpsearch.errors import UsageError
from hpsearch.record.file import write_record
from hpsearch.record.shape import Record
from tests.cli import TINY
from tests.composing import run_cfg, sweep_cfg
from tests.made_records import entry, scored, sweep

BAD = [
    ("name=", "name=: must be the name of a folder, of 1 to 200 bytes without /"),
    (f"name={300 * 'a'}", "name=aaa"),
    ("name=.", "name=.: must be the name of a folder, of 1 to 200 bytes without /"),
    ("name=../x", "name=../x: must be the name of a folder, of 1 to 200 bytes without /"),
    ("name=a/b", "name=a/b: must be the name of a folder, of 1 to 200 bytes without /"),
    ("hydra.sweep.dir=/dev/null/no", "/dev/null/no: cannot be written"),
    ("hydra.output_subdir=../x", "hydra.output_subdir=../x: must be the name of a folder, without /, or null"),
    ("hydra.output_subdir=..", "hydra.output_subdir=..: must be the name of a folder, without /, or null"),
    ("hydra.output_subdir=''", "hydra.output_subdir=: must be the name of a folder, without /, or null"),
    ("name=hpsearch.db", "name=hpsearch.db: must be the name of a folder"),
    ("name='a\nb'", "name=a\\nb: must be the name of a folder"),
    ("~plugins", "plugins: is missing; every run needs it"),
    ("+typo=3", "typo=3: no run reads a key of this name"),
    ("+epoch=3", "epoch=3: no run reads a key of this name; did you mean epochs?"),
    ("trial=3", "trial=3: is set by a search, for its own runs"),
    ("hydra.job.num=3", "hydra.job.num=3: is set by Hydra, which counts jobs"),
    ("+hydra.sweeper.n_trials=3", "+hydra.sweeper.n_trials=3: no such key; hydra.sweeper has "),
]


START = {"run": (run_cfg, "on_run_start"), "sweep": (sweep_cfg, "on_multirun_start")}


def fault_of(mode: str, *overrides: str) -> str:
    compose, callback = START[mode]
    cfg = compose(*TINY, *overrides)
    with pytest.raises(Carried) as caught:
        getattr(Callbacks(), callback)(cfg)
    assert isinstance(caught.value.error, UsageError)
    (fault,) = caught.value.error.faults
    return fault


@pytest.mark.parametrize(("override", "line"), BAD, ids=[override for override, _ in BAD])
@pytest.mark.parametrize("mode", list(START))
def test_a_name_or_folder_that_cannot_be_used_is_one_line(
    mode: str, override: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fault = fault_of(mode, override)
    assert fault.startswith(line)
    assert "\n" not in fault
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["search=quick"], "search=quick: is a sweep; add -m, or give one value for each of architecture.depth, "),
        (
            ["experiment=quickstart", "lr=0.1"],
            "experiment=quickstart: is a sweep; add -m, or give one value for",
        ),
        (["confirm=3"], "confirm=3: is of a sweep; add -m, or leave it out"),
        (["hydra.launcher.lanes=3"], "hydra.launcher.lanes=3: is of a sweep; add -m, or leave it out"),
        (["hydra.run.dir=/proc/x"], "/proc/x: cannot be written"),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "",
)
def test_a_run_that_is_meant_to_be_a_sweep_is_one_line(overrides: list[str], line: str) -> None:
    assert fault_of("run", *overrides).startswith(line)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("seed=range(5,5)", "seed=range(5,5): has no values, so that there is nothing to run"),
        ("seed=range(1e9)", "seed=range(1e9): makes 1,000,000,000 jobs; a sweep may have 100,000"),
        ("lr=range(0,1,1e-9)", "lr=range(0,1,1e-9): makes 1,000,000,000 jobs; a sweep may have 100,000"),
        ("hydra.run.dir=x", "hydra.run.dir=x: is of a single run; hydra.sweep.dir=… is the folder of a sweep"),
        ("hydra.sweep.subdir=${hydra.job.num}", "hydra.sweep.subdir=${hydra.job.num}: must be ${hpsearch.run_folder:}"),
        ("hydra.sweep.dir='what?/s'", "hydra.sweep.dir=what?/s: must have no ?"),
        ("hydra.sweeper.max_batch_size=0", "hydra.sweeper.max_batch_size=0: must be at least 1, or null"),
        ("confirm=99999999999", "confirm=99999999999: must be at most 10,000 seeds"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_one_line(override: str, line: str) -> None:
    assert fault_of("sweep", override).startswith(line)


def test_a_winner_cannot_run_on_fewer_than_no_seeds() -> None:
    assert fault_of("sweep", "confirm=-1") == "confirm=-1: must be a number of seeds, 0 for none"


def test_winners_are_trained_again_with_a_mapping() -> None:
    must = "must be keys with other values, such as {split.validation:0}, or null"
    assert fault_of("sweep", "retrain=5") == f"retrain=5: {must}"


def test_a_winner_of_folds_runs_again_on_all_folds() -> None:
    assert fault_of("sweep", "split=kfold", "confirm=3") == (
        "confirm=3: must be 0 or a multiple of 5, the folds of split=kfold"
    )


@pytest.mark.parametrize(
    ("overrides", "added"),
    [
        (("split=kfold", "split.folds=3"), ["seed=range(3)"]),
        (("split=kfold", "seed=range(10)"), []),
        (("split=kfold", "hydra/sweeper=hpsearch"), []),  # whose settings do it
        (("split=holdout",), []),
    ],
)
def test_a_sweep_that_names_no_seeds_trains_all_folds(
    overrides: tuple[str, ...], added: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cfg = sweep_cfg(*TINY, *overrides)
    typed = list(cfg.hydra.overrides.task)
    Callbacks().on_multirun_start(cfg)
    assert list(cfg.hydra.overrides.task) == [*typed, *added]


def stopped_early(record: Record) -> Record:
    """The record as of a run whose second epoch is kept."""
    history = {name: [1.5, values[-1], 2.0] for name, values in record["history"].items()}
    return record | {"epoch": 2, "history": history}


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (entry(0.875, val=0.9), "validation 90.00%, test 87.50% accuracy after 3 epochs, 2.0 s of training"),
        (scored(4.9, val=4.83), "validation 4.830, test 4.900 RMSE of strength after 3 epochs, 2.0 s of training"),
        (
            stopped_early(scored(4.9, val=4.83)),
            "validation 4.830, test 4.900 RMSE of strength after 3 epochs (epoch 2 is kept), 2.0 s of training",
        ),
    ],
)
def test_a_single_run_ends_with_its_metric(
    record: Record, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_record(tmp_path, record)
    cfg = OmegaConf.create({"hydra": {"mode": None, "runtime": {"output_dir": str(tmp_path)}}})
    Callbacks().on_job_end(cfg, JobReturn())
    assert capsys.readouterr().out == f"{line}\nrecord in {tmp_path}\n"


def test_a_single_run_has_a_page_unless_others_are_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = next(sweep(tmp_path / "one", [entry(0.875, val=0.9)]).iterdir())
    hydra = {"mode": None, "runtime": {"output_dir": str(folder)}, "output_subdir": None}
    cfg = OmegaConf.create({"hydra": hydra, "report": True, "weights": "none"})
    Callbacks().on_job_end(cfg, JobReturn())
    page = tmp_path / "one" / "report" / "index.html"
    assert capsys.readouterr().out.splitlines()[-1] == f"report: {page}"
    assert [line for line in page.read_text().splitlines() if line.startswith("<tr><td>")] == [
        "<tr><td>accuracy (%)</td><td>-</td><td>90.00</td><td>87.50</td></tr>",
        "<tr><td>loss</td><td>0.4000</td><td>0.5000</td><td>0.6000</td></tr>",
    ]
    assert "<code>python -m hpsearch lr=0.1 seed=0</code>" in page.read_text()
    sweep(tmp_path / "one", [entry(0.8, lr=0.2), entry(0.8, lr=0.3)])
    page.unlink()
    Callbacks().on_job_end(cfg, JobReturn())
    assert not page.exists()
