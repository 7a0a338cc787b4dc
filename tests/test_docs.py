"""The README and the pages of docs/: their commands, names, links and examples hold."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override

import hpsearch
from hpsearch.cli.own_options import own_options
from hpsearch.cli.slurm.options import SlurmLauncherConf
from hpsearch.components.architecture.classifiers import CLASSIFIERS
from hpsearch.components.augmentation import AUGMENTATIONS
from hpsearch.components.data.builtin import DATASETS
from hpsearch.components.init import INITS
from hpsearch.components.layers import ACTIVATIONS
from hpsearch.components.metric import METRICS
from hpsearch.components.normalization import NORMALIZATIONS
from hpsearch.components.optimizer import OPTIMIZERS
from hpsearch.components.preprocessing import PREPROCESSINGS
from hpsearch.components.schedule import SCHEDULES
from hpsearch.components.split import SPLITS
from hpsearch.record.file import load_record
from hpsearch.record.folders import run_folders
from hpsearch.record.measure import ACCURACY
from hpsearch.report.summary_table import COLUMNS, OF_ACCURACY
from hpsearch.search.config import PRUNERS, SweeperConf
from hpsearch.task import plugins
from hpsearch.task.config import Config
from hpsearch.trackers.options import KINDS
from tests.cli import Cli
from tests.programs import dataset, program, run, train

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "multirun" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = PAGES[0].read_text()
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
CONF = ROOT / "conf"
GROUPS = ["data", "split", "preprocessing", "architecture", "optimizer", "init", "dropout", "normalization", "schedule"]

LANGUAGES = {"sh", "text", "python", "yaml"}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
PROGRAM = "python -m hpsearch"
WITH_VALUE = ("--config-dir", "--config-name", "--cfg", "-p")  # options that take a value


def fences(text: str, language: str) -> list[str]:
    """The fenced blocks of a page in a language."""
    return [body for its, body in FENCE.findall(text) if its == language]


def commands(text: str) -> list[str]:
    """The commands of a page: each line of its shell blocks, and code in a line that begins with a program."""
    lines = [line for block in fences(text, "sh") for line in block.replace("\\\n", " ").splitlines()]
    spans = re.findall(r"`([^`]+)`", FENCE.sub("", text))
    lines += [" ".join(span.split()) for span in spans if re.match(r"(python|pip|taskset|hpsearch) ", span)]
    without_comment = [re.sub(r"\s+#.*", "", line) for line in lines]
    return [line for line in dict.fromkeys(without_comment) if line.strip()]


def id_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def modules() -> dict[str, str]:
    """The modules of a reader's own that the pages make: the blocks that begin with the module's file."""
    found: dict[str, str] = {}
    for page in PAGES:
        for block in fences(page.read_text(), "python"):
            if name := re.match(r"# (\w+)\.py\n", block):
                found[name[1]] = found.get(name[1], "") + f"{block}\n\n"
    return found


MODULES = modules()


def write_modules(folder: Path, *names: str) -> None:
    for name in names:
        (folder / f"{name}.py").write_text(MODULES[name])


COMMANDS = [pytest.param(line, id=f"{id_of(page)}: {line}") for page in PAGES for line in commands(page.read_text())]


def arguments_of(line: str) -> list[str] | None:
    """What stands behind ``python -m hpsearch``; None for another command."""
    words = shlex.split(line.rpartition("&&")[2])
    return words[3:] if words[:3] == PROGRAM.split() and words[3:4] != ["new"] else None


def overrides_of(arguments: list[str]) -> list[str]:
    """The overrides among the arguments."""
    words = iter(arguments)
    found = []
    for word in words:
        if word in WITH_VALUE:
            next(words)
        elif not word.startswith("-"):
            found.append(word)
    return found


OVERRIDES = [
    pytest.param(lines, id=f"{id_of(page)}: {line}")
    for page in PAGES
    for line in commands(page.read_text())
    if (arguments := arguments_of(line)) and "…" not in line and (lines := overrides_of(arguments))
]


def first_value(override: Override) -> str:
    """An override without its sweep: with the first of its values."""
    if not override.is_sweep_override():
        assert override.input_line is not None
        return override.input_line
    value = override.value()
    first = value.start if isinstance(value, IntervalSweep) else next(override.sweep_string_iterator())
    return f"{override.key_or_group}={first}"


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every YAML file that the pages show."""
    folder = tmp_path_factory.mktemp("conf")
    for page in PAGES:
        for block in fences(page.read_text(), "yaml"):
            (name,) = re.findall(r"^# (?:conf/)?(\w+/\w+\.yaml)$", block, flags=re.MULTILINE)
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(block)
    return folder


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 200


def test_there_are_exactly_two_set_up_commands() -> None:
    found = [*re.finditer(r"^pip install.*$", README, flags=re.MULTILINE)]
    assert [match[0] for match in found] == [
        "pip install -e . && python -m hpsearch -m experiment=quickstart",
        'pip install -e ".[test]" && python -m pytest -n auto',
    ]
    assert README[: found[-1].end()].count("\n") < 30, "below the first screen"


def test_lane_and_stack_are_explained_before_they_are_used() -> None:
    for word in ("lane", "stack"):
        first = re.search(rf"\b{word}s?\b", README.replace("## Lanes and stacks", ""))
        assert first is not None
        assert README.replace("## Lanes and stacks", "")[: first.start()].endswith("**"), f"{word} is used first"


@pytest.mark.parametrize("page", PAGES, ids=id_of)
def test_every_block_says_its_language(page: Path) -> None:
    text = page.read_text()
    assert {language for language, _ in FENCE.findall(text)} <= LANGUAGES
    assert text.count("```") == 2 * len(FENCE.findall(text))


@pytest.mark.parametrize("line", COMMANDS)
def test_a_shell_takes_every_command(line: str) -> None:
    shown = subprocess.run(["bash", "-n", "-c", line], capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert not re.search(r"(^|[^\\'\"\w])[\[{*?]", re.sub(r"'[^']*'|\"[^\"]*\"", "''", line)), "a shell expands it"


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize("lines", OVERRIDES)
def test_hydra_takes_the_overrides_of_every_command(lines: list[str], examples: Path, tmp_path: Path) -> None:
    """They parse, and with the first value of each sweep their keys and options exist."""
    named = plugins.named(lines)
    write_modules(tmp_path, *named)
    plugins.load(named, tmp_path)
    parsed = OverridesParser.create().parse_overrides(lines)
    with own_options(), initialize_config_dir(str(CONF)):
        composed = compose("config", [f"hydra.searchpath=[file://{examples}]", *map(first_value, parsed)])
    assert composed.data.name


@pytest.mark.parametrize("page", PAGES, ids=id_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)#:]*)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target
    for name, anchor in re.findall(r"\]\(([^)#:]*)#([^)]*)\)", text):
        headings = re.findall(r"^#+ (.*)$", (page.parent / name).read_text(), flags=re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=id_of)
def test_every_file_and_test_that_is_named_exists(page: Path) -> None:
    text = page.read_text()
    for name in re.findall(r"(?:`|^# )((?:hpsearch|conf|tests|benchmarks)/[\w/.]+)", text, flags=re.MULTILINE):
        example = f"\n# {name}\n" in text and name.startswith(("conf/", "tests/"))
        assert (ROOT / name).exists() or example, name
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    for name in set(re.findall(r"`(test_\w+)`", text)) - {
        *ACCURACY.columns,
        *COLUMNS,
        *OF_ACCURACY,
        "test_batches",
        "test_samples",
    }:
        assert f"def {name}(" in tests, name


def test_every_page_is_in_the_readmes_list() -> None:
    for page in PAGES[1:]:
        assert f"]({id_of(page)})" in README


@pytest.mark.parametrize(
    "registry",
    [
        DATASETS,
        SPLITS,
        PREPROCESSINGS,
        INITS,
        ACTIVATIONS,
        NORMALIZATIONS,
        OPTIMIZERS,
        SCHEDULES,
        CLASSIFIERS,
        PRUNERS,
        METRICS,
        AUGMENTATIONS,
    ],
    ids=lambda registry: next(iter(registry)),
)
def test_every_registered_name_is_documented(registry: dict[str, object]) -> None:
    assert [name for name in registry if f"`{name}`" not in CONFIGURATION] == []


@pytest.mark.parametrize("group", [*GROUPS, "tracker", "experiment", "search"])
def test_every_option_of_a_group_is_documented(group: str) -> None:
    files = (CONF / group).glob("*.yaml")
    assert [file.stem for file in files if f"`{file.stem}`" not in CONFIGURATION] == []


def documented_keys() -> Iterator[str]:
    """Every key that a user can set."""
    yield from Config.__dataclass_fields__
    for group in GROUPS:
        for file in (CONF / group).glob("*.yaml"):
            yield from (f"{group}.{key}" for key in yaml.safe_load(file.read_text()) if key != "name")
    for name, kind in KINDS.items():
        yield from (f"tracker.{name}.{key}" for key in kind.__dataclass_fields__ if key != "package")
    yield from (
        f"hydra.launcher.{key}" for key in SlurmLauncherConf.__dataclass_fields__ if key not in ("_target_", "part")
    )
    yield from (
        f"hydra.sweeper.{key}" for key in SweeperConf.__dataclass_fields__ if key not in ("_target_", "defaults")
    )
    for options in PRUNERS.values():
        yield from (key for key in options if key != "_target_")


@pytest.mark.parametrize("key", sorted(set(documented_keys())))
def test_every_key_is_documented(key: str) -> None:
    assert f"`{key}`" in CONFIGURATION


@pytest.mark.usefixtures("module")
def test_the_example_optimizer_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_modules(tmp_path, "my_parts")
    plugins.load(["my_parts"], tmp_path)
    these = [run(0, optimizer="sign_sgd", lr=0.01, epochs=10), run(1, optimizer="adam")]
    results = train(these, program(dataset()), lane_count=2)
    assert results[0].history.val_metric[-1] > 0.8
    assert all(weight.isfinite().all() for weight in results[0].tensors.values())


@pytest.mark.long
def test_the_parts_of_the_page_train_together(tmp_path: Path, examples: Path) -> None:
    """As a reader would: the blocks make a module and its tests, in a folder without hpsearch."""
    write_modules(tmp_path, *MODULES)

    def python(*arguments: str) -> None:
        command = [sys.executable, "-m", *arguments]
        shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert shown.returncode == 0, shown.stdout + shown.stderr

    def sweep(name: str, *overrides: str) -> list[dict[str, Any]]:
        own = ("plugins=[my_parts]", "--config-dir", str(examples), "data=wine")
        python("hpsearch", "-m", *own, f"name={name}", "report=false", *overrides)
        folder = tmp_path / "multirun" / name
        return [load_record(folder / each) for each in run_folders(folder)]

    small = ("batch_size=16", "epochs=30", "lr=0.01", "architecture.width=16")
    parts = (
        "optimizer=strong_sign,adam",
        "preprocessing=bounded",
        "schedule=linear",
        "init=small",
        "architecture.activation=swish",
    )
    nets = sweep("nets", *parts, *small)
    others = sweep("others", "architecture=shortcut,naive_bayes", "lr=0.1", "batch_size=16")
    assert [record["status"] for record in nets + others] == ["finished"] * 4
    assert [record for record in nets + others if record["metrics"]["val_accuracy"] < 0.9] == []
    python("hpsearch", "plugins=[my_parts]", "data=digits", "split=last_rows", "epochs=1", "report=false")
    python("pytest", "-q", "test_my_parts.py")


@pytest.mark.slow
def test_the_example_search_runs(cli: Cli, examples: Path) -> None:
    shown = cli(
        "--config-dir", str(examples), "-m", "search=mine", "data=digits", "epochs=2", "architecture.width=8",
        "hydra.sweeper.n_trials=4", "report=false",
    )  # fmt: skip
    assert shown.code == 0, shown.err
    first, *others = run_folders(cli.multirun / "mine")
    assert len(others) == 3
    again = cli(*load_record(cli.multirun / "mine" / first)["overrides"])
    assert again.out.startswith("already in "), again.err


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = in_a_notebook(fences((ROOT / "docs" / "python.md").read_text(), "python"))
    sweep = names["sweep"]
    assert isinstance(sweep, hpsearch.Sweep)
    assert sweep.folder == tmp_path / "multirun" / "notebook"
    assert len(sweep.frame) == 2 * 2 * 8
    assert set(sweep.table.n) == {8}
    assert sweep.verdict.startswith("optimizer=adam lr=0.01 is best: ")
    assert names["mean_curves"].shape == (10, 2 * 2)
    assert names["mean_curves"].iloc[-1].max() > 0.9
    assert list(names["table"].optimizer)[0] == "adam"
    assert names["one"].records[0]["status"] == "finished"
    assert names["message"] == "lr=-1.0: must be a number above 0"


def in_a_notebook(cells: list[str]) -> dict[str, Any]:
    """Run cells in IPython's shell, which Jupyter uses; without IPython as plain code. Returns the names they make."""
    if find_spec("IPython") is None:
        names: dict[str, Any] = {"__name__": "__main__"}
        for cell in cells:
            exec(cell, names)
        return names
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    for cell in cells:
        shell.run_cell(cell).raise_error()
    found: dict[str, Any] = shell.user_ns
    return found
