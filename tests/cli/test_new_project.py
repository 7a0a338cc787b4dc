"""``python -m hpsearch new``: a project that works as it is written."""

import shlex
import subprocess
import sys

import pytest

from tests.cli import Cli, records

FILES = ["README.md", "conf/experiment/mine.yaml", "my_parts.py", "test_my_parts.py"]
OF_A_SCRIPT = ["README.md", "conf/config.yaml", "conf/model/large.yaml", "conf/model/small.yaml"]
OPTIONS = pytest.mark.parametrize("options", [(), ("--script",)], ids=["parts", "script"])


def test_a_script_is_written(cli: Cli) -> None:
    shown = cli("new", "--script", "mine")
    assert shown.code == 0, shown.err
    folder = cli.folder / "mine"
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert found == [*OF_A_SCRIPT, "test_train.py", "train.py"]


def test_a_project_is_written_once(cli: Cli) -> None:
    shown = cli("new", "mine")
    assert shown.code == 0, shown.err
    folder = cli.folder / "mine"
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert found == FILES
    assert all(f"mine/{name}\n" in shown.out for name in FILES)
    (folder / "my_parts.py").write_text("# mine\n")
    again = cli("new", "mine")
    assert (again.code, again.err) == (2, "error: new mine: there is one already; give another name\n")
    assert (folder / "my_parts.py").read_text() == "# mine\n"


@pytest.mark.parametrize("words", [[], ["one", "two"], ["-m"]], ids=str)
def test_wrong_words(cli: Cli, words: list[str]) -> None:
    shown = cli("new", *words)
    assert (shown.code, shown.err) == (
        2,
        "error: new: needs the name of one folder: python -m hpsearch new my_project, or with --script\n",
    )
    assert not list(cli.folder.iterdir())


@OPTIONS
def test_the_project_is_clean(cli: Cli, options: tuple[str, ...]) -> None:
    cli("new", "mine", *options)
    for check in (["check", "--select", "E,F,B,UP,SIM"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *check, "--line-length", "120", "."]
        shown = subprocess.run(command, cwd=cli.folder / "mine", capture_output=True, text=True, check=False)
        assert shown.returncode == 0, shown.stdout


@pytest.mark.long
@OPTIONS
def test_the_project_works_as_it_is_written(cli: Cli, options: tuple[str, ...]) -> None:
    """Its own tests, and the commands of its README."""
    cli("new", "mine", *options)
    folder = cli.folder / "mine"
    lines = [line.partition("  #")[0] for line in (folder / "README.md").read_text().splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("python ")]
    assert len(commands) == 4
    for command in commands:
        shown = subprocess.run([sys.executable, *command[1:]], cwd=folder, capture_output=True, text=True, check=False)
        assert shown.returncode == 0, shown.stdout + shown.stderr
    assert len(records(folder / "multirun" / ("grid" if options else "mine"))) == 20


@pytest.mark.slow
@pytest.mark.parametrize("command", ["-m hpsearch 'plugins=[my_parts]' data=rings epochs=1", "train.py epochs=1"])
def test_a_project_begins_to_train(cli: Cli, command: str) -> None:
    assert cli("new", "mine", *(["--script"] if command.startswith("train") else [])).code == 0
    line = [sys.executable, *shlex.split(command), "name=s"]
    shown = subprocess.run(line, cwd=cli.folder / "mine", capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert len(records(cli.folder / "mine" / "multirun" / "s")) == 1
