"""The promises of ``SECURITY.md``, each with the smallest attack."""

import csv
import os
import pickle
import re
import sqlite3
import sys
import warnings
from collections.abc import Callable
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import skops.io
from hydra.errors import InstantiationException
from omegaconf import OmegaConf, open_dict, read_write
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial
from rich.console import Console
from sklearn.preprocessing import FunctionTransformer

from hpsearch import loopback, passwords, shell
from hpsearch.cli import confirm, storage_url, trusted
from hpsearch.cli.callbacks import Callbacks
from hpsearch.cli.error_lines import Carried, config_folders
from hpsearch.cli.publish import publish
from hpsearch.errors import UsageError
from hpsearch.formatting import inert, markdown_code, markdown_text, spreadsheet_text
from hpsearch.record.commands import command
from hpsearch.record.frame import write_runs
from hpsearch.report import analysis, summary_json, write
from hpsearch.search.bulk import BulkStorage
from hpsearch.search.owners import Owners
from hpsearch.search.pruners import new_pruner
from hpsearch.search.samplers import sampler_factory
from hpsearch.search.storage import StorageError
from hpsearch.search.study import MirroredStudy
from hpsearch.task.weights import PREPROCESSING, stored
from tests.cli import TINY, Cli
from tests.composing import run_cfg, sweep_cfg
from tests.made_records import entry, seeds, sweep
from tests.task.test_weights import made

SECRET = "top-secret"
URL = f"postgresql+psycopg://me:{SECRET}@localhost/db"
ESCAPE = "\x1b[31mred"


class Hostile:
    """A pickle of it makes a file when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def fault_of(config: Any) -> str:
    """The line with which a sweep of such a configuration is refused."""
    with pytest.raises(Carried) as carried:
        Callbacks().on_multirun_start(config)
    assert isinstance(carried.value.error, UsageError)
    (line,) = carried.value.error.faults
    return line


# no code from files


@pytest.mark.parametrize("name", ["cma:optimizer:0", "sepcma:optimizer:0", "cmawm:optimizer:0"])
def test_a_pickle_in_a_study_is_not_loaded(tmp_path: Path, name: str) -> None:
    mark, space = tmp_path / "executed", {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}
    url = f"sqlite:///{tmp_path / 'a.db'}"
    study = optuna.create_study(storage=url, study_name="s", direction="minimize")
    hostile = {name: pickle.dumps(Hostile(mark)).hex(), "cma:generation": 0}
    for number in range(3):
        params = {"x": 0.2 * number, "y": 0.5}
        study.add_trial(create_trial(value=0.5, params=params, distributions=space, system_attrs=hostile))
    mirror = MirroredStudy(
        BulkStorage(url), "s", ["minimize"], ["loss"], optuna.pruners.NopPruner(), Owners(tmp_path, "here:1:a")
    )
    options = {"use_separable_cma": name.startswith("sep"), "with_margin": name.startswith("cmawm")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental options
        mirror.study.sampler = optuna.samplers.CmaEsSampler(**options, warn_independent_sampling=False)
    for _ in range(8):
        trial = mirror.study.ask(space)  # type: ignore[arg-type]
        mirror.study.tell(trial, trial.params["x"])
        mirror.begin([trial], 100)
    mirror.storage.close()
    assert not mark.exists()
    with sqlite3.connect(tmp_path / "a.db") as connection:
        rows = connection.execute("SELECT key FROM trial_system_attributes WHERE trial_id > 3").fetchall()
    assert not [key for (key,) in rows if "optimizer" in key]
    study._storage.remove_session()  # type: ignore[attr-defined]


def test_cma_es_goes_on_from_the_trials(tmp_path: Path) -> None:
    """Without its state it takes the values of the study: the first generation is told again."""
    space, url = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}, f"sqlite:///{tmp_path / 'a.db'}"
    drawn: list[float] = []
    for part in range(2):
        mirror = MirroredStudy(
            BulkStorage(url), "s", ["minimize"], ["loss"], optuna.pruners.NopPruner(), Owners(tmp_path, "here:1:a")
        )
        mirror.study.sampler = optuna.samplers.CmaEsSampler(seed=part, warn_independent_sampling=False)
        for _ in range(30):
            trial = mirror.study.ask(space)  # type: ignore[arg-type]
            mirror.begin([trial], 1000)
            mirror.study.tell(trial, (trial.params["x"] - 0.9) ** 2 + (trial.params["y"] - 0.9) ** 2)
            mirror.changed(trial)
            drawn.append(trial.params["x"])
        mirror.save()
        mirror.storage.close()
    assert np.mean(drawn[-10:]) > np.mean(drawn[:10]) + 0.1


def test_the_stock_sweeper_with_a_pickle_in_its_storage_is_refused(tmp_path: Path) -> None:
    typed = ("hydra/sweeper=optuna", "hydra/sweeper/sampler=cmaes", f"hydra.sweeper.storage='sqlite:///{tmp_path}/a'")
    assert fault_of(sweep_cfg(*typed)).startswith("hydra/sweeper/sampler=cmaes: must be left out")


def test_a_fitted_preprocessing_calls_no_function_of_a_library(tmp_path: Path) -> None:
    from sklearn.utils import _testing

    made(tmp_path, "table")
    skops.io.dump(FunctionTransformer(_testing.check_output), tmp_path / PREPROCESSING)
    with pytest.raises(UsageError, match="which is not trusted"):
        stored(tmp_path)


@pytest.mark.parametrize("target", ["os.system", "optuna.samplers._cmaes.pickle.loads", "optuna.create_study"])
def test_a_sampler_or_pruner_is_one_of_optunas(target: str) -> None:
    with pytest.raises(UsageError, match=re.escape(target)):
        sampler_factory(OmegaConf.create({"_target_": target}))
    with pytest.raises(InstantiationException):
        new_pruner(OmegaConf.create({"_target_": target}))


def test_a_search_space_in_python_is_typed_or_a_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("hpsearch", "optuna"):
        config = sweep_cfg(f"hydra/sweeper={name}", "data=digits")
        with read_write(config), open_dict(config):
            config.hydra.sweeper.custom_search_space = "evil.space"
        line = "hydra.sweeper.custom_search_space=evil.space: must be typed on the command line, or a function of a "
        assert fault_of(config).startswith(line)
        with read_write(config), open_dict(config):
            config.plugins = ["evil"]
        trusted.check(config)
    trusted.check(sweep_cfg("hydra/sweeper=hpsearch", "hydra.sweeper.custom_search_space=mine.space"))


def test_a_callback_is_typed_or_a_plugins(tmp_path: Path, cli: Cli, module: Callable[[str, str], Path]) -> None:
    called = "Path('called').touch()"
    text = "from pathlib import Path\nfrom hydra.experimental.callback import Callback as Base\n"
    module("own_callbacks", f"{text}class Mine(Base):\n    def on_job_start(self, **kwargs):\n        {called}\n")
    (tmp_path / "experiment").mkdir()
    lines = "# @package _global_\nhydra:\n  callbacks:\n    mine:\n      _target_: own_callbacks.Mine\n"
    (tmp_path / "experiment" / "mine.yaml").write_text(lines)
    command = ("--config-dir", str(tmp_path), *TINY, "experiment=mine", "name=s")
    shown = cli(*command)
    must = "must be typed on the command line, or a callback of a module that plugins=[…] names there"
    assert shown.err.startswith(f"error: hydra.callbacks.mine._target_=own_callbacks.Mine: {must}")
    assert (shown.code, "own_callbacks" in sys.modules) == (2, False)
    assert cli("-m", *command, "plugins=[own_callbacks]").code == 0
    assert (tmp_path / "called").exists()
    arguments = ["+hydra.callbacks.mine._target_=a.B", "hydra.callbacks.other._target_='c.D'", "hydra.callbacks.x=1"]
    assert trusted.callbacks_of(arguments, []) == ["a.B", "c.D"]


@pytest.mark.parametrize("option", ["--config-dir={} --config-name=c", "-cd {} -cn c.yaml", "--config-path {} -cn=c"])
@pytest.mark.parametrize("entry", ["pkg://evil", "${oc.env:X}", "1"])
def test_a_file_takes_no_configuration_from_a_package(tmp_path: Path, option: str, entry: str) -> None:
    (tmp_path / "c.yaml").write_text(f'hydra:\n  searchpath: ["file:///mine", "{entry}"]\n' if entry != "1" else "a: 1")
    typed = option.format(tmp_path).split()
    if entry == "1":
        trusted.check_search_path(typed)
        return
    with pytest.raises(UsageError, match=re.escape(f"hydra.searchpath={entry}: must be folders")):
        trusted.check_search_path(typed)


def test_a_command_may_have_no_arguments() -> None:
    trusted.check_search_path([])
    assert config_folders([]) == []


def test_a_file_changes_no_environment() -> None:
    config = sweep_cfg()
    with read_write(config), open_dict(config):
        config.hydra.job.env_set = {"LD_PRELOAD": "x.so"}
    assert fault_of(config).startswith("hydra.job.env_set={'LD_PRELOAD': 'x.so'}: must be empty unless it is typed")
    trusted.check(sweep_cfg("+hydra.job.env_set.OMP_NUM_THREADS='1'"))


def test_the_modules_of_a_record_are_not_imported() -> None:
    record = {"config": {"data": {}}, "overrides": ["data=digits", "plugins=[evil]", "+plugins=[evil]"]}
    given = confirm.arguments(record, "5", Path("folder"), sweep_cfg("plugins=[mine]"))
    assert [line for line in given if "plugins" in line] == ["plugins=[mine]"]


def test_a_value_of_the_winner_that_was_added_is_added_again() -> None:
    record = {"config": {"script": {"name": "a"}, "seed": 0}, "overrides": ["+epochs=3", "+lr=1"]}
    given = confirm.arguments(record, "5", Path("folder"), sweep_cfg(), ["epochs=2"])
    assert [line for line in given if line.startswith("+")] == ["+lr=1", "+epochs=2"]
    assert "epochs=2" not in given


# no file elsewhere


@pytest.mark.parametrize("folder", ["../../elsewhere", "/elsewhere", "a/../../b", "${oc.env:HOME}/x"])
def test_a_path_stays_in_the_sweep(folder: str) -> None:
    for key in ("hydra.output_subdir", "hydra.sweep.subdir"):
        config = sweep_cfg("hydra/launcher=basic")
        with read_write(config), open_dict(config):
            OmegaConf.update(config, key, folder)
        with pytest.raises(UsageError, match=f"^{re.escape(key)}="):
            trusted.check(config)
    config = run_cfg()
    with read_write(config), open_dict(config):
        config.hydra.job_logging.handlers.file.filename = folder
    with pytest.raises(UsageError, match=r"^hydra\.job_logging: filename="):
        trusted.check(config)


@pytest.mark.parametrize("name", ["a/b", "..", "a\nb", f"a{ESCAPE}", "x" * 300])
def test_a_name_is_that_of_a_folder(name: str) -> None:
    config = sweep_cfg()
    with read_write(config):
        config.name = name
    assert "must be the name of a folder" in fault_of(config)


@pytest.mark.parametrize("place", ["runs.csv", "multirun.yaml", "000_11111111", "000_22222222/.hydra", "report"])
def test_nothing_is_written_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    link = tmp_path / "multirun" / "s" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "elsewhere")
    assert fault_of(sweep_cfg("name=s")).startswith(
        f"multirun/s/{place}: is a symbolic link that leads out of the sweep"
    )


def test_a_sweep_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "s").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "s" / "inside").symlink_to("runs.csv")  # submitit makes such links
    trusted.check_links(tmp_path / "s")


def test_what_is_written_replaces_a_link(tmp_path: Path) -> None:
    path = sweep(tmp_path / "s", seeds([0.9, 0.8]))
    mine = tmp_path / "mine"
    mine.write_text("mine")
    for name in ("runs.csv", "summary.json", "best.yaml"):
        (path / name).symlink_to(mine)
    found = analysis.read([path])
    write_runs(path, found.runs)
    summary_json.write(found, path)
    assert mine.read_text() == "mine"
    assert not any((path / name).is_symlink() for name in ("runs.csv", "summary.json", "best.yaml"))


def test_a_database_of_somebody_else_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "theirs.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE notes (text)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(StorageError, match="has tables of another program"):
        BulkStorage(f"sqlite:///{file}")
    assert file.read_bytes() == before
    assert os.listdir(tmp_path) == ["theirs.db"]


@pytest.mark.parametrize("broken", ["UPDATE trial_user_attributes SET value_json = '{'", "UPDATE trials SET state = 9"])
def test_a_row_that_cannot_be_read_is_one_line(tmp_path: Path, broken: str) -> None:
    file = tmp_path / "a.db"
    storage = BulkStorage(f"sqlite:///{file}")
    study = storage.study("s", ["minimize"])
    study.add_trial(create_trial(state=TrialState.COMPLETE, value=1.0, user_attrs={"a": 1}))
    with sqlite3.connect(file) as connection:
        connection.execute(broken)
    connection.close()
    with pytest.raises(StorageError, match=r"storage=sqlite.*: ") as error:
        storage.trials(storage.study_id("s"))
    assert "\n" not in error.value.faults[0]
    storage.close()


# texts are inert


def test_texts_do_nothing_where_they_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nasty = f"=1+1 $\\bad{{$ <script>alert(1)</script>{ESCAPE}\n[x](http://evil) ![y](http://evil)"
    records = [
        *seeds([0.9, 0.8], optimizer={"name": "sgd", "note": nasty}),
        entry(None, status="failed", seed=2, lr=0.3, optimizer={"name": "sgd", "note": "[8]"}) | {"reason": nasty},
    ]
    path = sweep(tmp_path / "s", records)
    found = analysis.read([path])
    write.show(found, Console(width=300))
    write_runs(path, found.runs)
    summary_json.write(found, path)
    write.write(found, tmp_path / "out", figures=True)
    publish(found, path, tmp_path / "out", f"sqlite:///{tmp_path / 'a.db'}", "s", command(nasty))
    with sqlite3.connect(tmp_path / "a.db") as connection:
        note = str(connection.execute("SELECT key, value_json FROM study_system_attributes").fetchall())
    connection.close()
    assert "dashboard:note" in note
    note = re.sub(r"```.*?```", "", note)  # of code
    texts = {file.name: file.read_text() for file in (*path.glob("*.*"), *(tmp_path / "out").glob("*.*"))
             if file.suffix in (".csv", ".md", ".tex", ".html", ".json", ".yaml")}  # fmt: skip
    for name, text in (texts | {"screen": capsys.readouterr().out, "note": note}).items():
        assert "\x1b" not in text, name
        assert not re.search(r"(?<!\\)<script>", text) or name in (*PLAIN, *CSV), name
    assert len(texts) == 8
    assert (tmp_path / "out" / "seeds.png").exists()  # the names in a figure are no mathematics
    for name in CSV:
        cells = [cell for row in csv.reader(StringIO(texts[name])) for cell in row]
        assert any(cell.startswith("'=1+1") for cell in cells)
        assert not any(cell.startswith(("=", "+", "@", "\t")) for cell in cells)
    assert "![y](" not in note.replace("\\\\", "\\")
    assert OmegaConf.load(path / "best.yaml").optimizer.note == nasty


PLAIN = ("summary.json", "best.yaml", "screen", "table.tex")  # whose readers know no HTML
CSV = ("runs.csv", "table.csv")


def test_a_latex_row_may_begin_with_a_bracket(tmp_path: Path) -> None:
    nets = [{"name": "mlp", "widths": [8]}, {"name": "mlp", "widths": "*"}, {"name": "mlp", "widths": "2%_"}]
    records = [record for net in nets for record in seeds([0.9, 0.8], architecture=net)]
    write.write(analysis.read([sweep(tmp_path / "s", records)]), tmp_path / "out", figures=True)
    comments, tabular = (tmp_path / "out" / "table.tex").read_text().split("\\begin{tabular}")
    assert all(line.startswith("%") for line in comments.splitlines())
    assert "documentclass" not in tabular
    rows = tabular.splitlines()[1:]
    assert "{}[8] &" in tabular
    assert "{}* &" in tabular
    assert not [row for row in rows if row.startswith(("[", "*"))]  # an argument of the \\ or rule before it
    assert tabular.count("{") == tabular.count("}")
    assert rows[-1] == "\\end{tabular}"


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (inert(f"a\n\t{ESCAPE}\u202e\ud800é"), r"a\n\t\x1b[31mred\u202e\ud800é"),
        (spreadsheet_text("=1+1"), "'=1+1"),
        (spreadsheet_text("@a"), "'@a"),
        (spreadsheet_text("-1.5e-3"), "-1.5e-3"),
        (spreadsheet_text("-1+cmd"), "'-1+cmd"),
        (markdown_text("<b>[x](y)|"), r"\<b\>\[x\](y)\|"),
        (markdown_code("a```b"), "````\na```b\n````"),
        (command("a\nb", "c d"), r"python -m hpsearch $'a\nb' 'c d'"),
    ],
)
def test_what_a_text_becomes(made: str, shown: str) -> None:
    assert made == shown


def test_best_yaml_holds_values_alone(tmp_path: Path) -> None:
    record = entry(0.9, optimizer={"name": "sgd", "note": "${oc.env:HOME}"})
    record["overrides"] = ["optimizer=../../elsewhere", "lr=0.1"]
    path = sweep(tmp_path / "s", [record])
    summary_json.write(analysis.read([path]), path)
    best = OmegaConf.load(path / "best.yaml")
    assert best.optimizer.note == "${oc.env:HOME}"
    assert {"override /optimizer": "sgd"} in best.defaults


# passwords


@pytest.mark.parametrize("sweeper", ["hpsearch", "optuna"])
@pytest.mark.parametrize("way", ["typed", "quoted", "file", "environment"])
def test_a_password_is_in_no_configuration(monkeypatch: pytest.MonkeyPatch, sweeper: str, way: str) -> None:
    monkeypatch.setenv("MINE", URL)
    monkeypatch.setenv(storage_url.STORAGE, "")
    value = {"typed": URL, "quoted": f"'{URL}'", "environment": "'${oc.env:MINE}'", "file": "null"}[way]
    typed = storage_url.hidden([f"hydra/sweeper={sweeper}", f"hydra.sweeper.storage={value}"])
    config = sweep_cfg(*typed)
    if way == "file":
        with read_write(config):
            config.hydra.sweeper.storage = URL
    storage_url.hide(config)
    assert SECRET not in OmegaConf.to_yaml(config)
    assert SECRET not in " ".join(typed)
    assert config.hydra.sweeper.storage == URL


def test_a_stream_shows_no_password() -> None:
    stream = BytesIO()
    text = TextIOWrapper(stream, encoding="utf-8", write_through=True)
    shell.mask(text)
    shell.mask(text)
    passwords.remember(URL)
    print(f"Storage: {URL}?password=abcd and {SECRET}", file=text)
    assert stream.getvalue() == b"Storage: postgresql+psycopg://me:***@localhost/db?password=*** and ***\n"


# what is served


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"HTTP_HOST": "127.0.0.1:8080"}, "200 OK"),
        ({"HTTP_HOST": "localhost:9", "HTTP_ORIGIN": "http://localhost:9"}, "200 OK"),
        ({"HTTP_HOST": "evil.example"}, "403 Forbidden"),
        ({"HTTP_HOST": "127.0.0.1.evil.example"}, "403 Forbidden"),
        ({}, "403 Forbidden"),
        ({"HTTP_HOST": "127.0.0.1:8080", "HTTP_ORIGIN": "http://evil.example"}, "403 Forbidden"),
        ({"HTTP_HOST": "127.0.0.1:8080", "HTTP_ORIGIN": "null"}, "403 Forbidden"),
    ],
)
def test_a_server_answers_pages_of_this_machine(headers: dict[str, str], status: str) -> None:
    started: list[str] = []

    def app(environ: Any, start: Any) -> list[bytes]:
        start("200 OK", [])
        return []

    list(loopback.guarded(app)(headers | {"REQUEST_METHOD": "DELETE"}, lambda s, h, e=None: started.append(s)))  # type: ignore[arg-type, misc]
    assert started == [status]
    assert loopback.HOST == "127.0.0.1"
