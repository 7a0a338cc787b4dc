"""Odd command lines, and the verdict on how one ends.

`odd_command_line` makes them: each key of ``conf/`` and of the sweeper with values that nobody would give it.
`verdict_of` runs one and says what is wrong. Commands run in forks of one process that has imported everything, which
takes 0.3 s each.
"""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
LIMIT = 30  # seconds of a command
FILE = "YAML:"  # begins an argument that stands for an experiment file of the user's with the rest as its text
BASE = ("data=digits", "batch_size=256", "architecture.width=8")
LAST = "plan=true"  # so that a command that is right trains nothing
ELSEWHERE = ("root", "path", "files")  # options that name files, which a command may download or read
SWEEPS = ("experiment", "search", "hydra")

WORDS = """
null '' true false 0 -1 1 2 0.5 -0.0 1.0 8.5 nan inf -inf 1e400 1e39 1e-400 1e9 1000000000 0x10 1_0 007
99999999999999999999999 -99999999999999999999999 [] [1] [true,8] [8,[8]] [null] [1e400] {} {a:1} {a:{b:[1]}} {name:sgd}
[{a:1}] text größe 日本 "a=b" "it's" a$b \\ * a/b ../../x ~ a,b, ${nope} ${lr} ${seed} ${epochs} ${oc.env:NOPE}
${oc.env:HOME} ${hydra:job.num} ${hpsearch.run_folder:} 1,2 a,b null,1 choice(1,2) choice() choice(a) range(3)
range(5,5) range(1e9) range(0,1,0) interval(0,1) interval(1,0) interval(0.1,inf) tag(log,interval(0.1,1)) glob(*)
glob(zz*) shuffle(1,2) sort(2,1) int(1.5) str(1) extend_list(1) none sgd adam svc default kfold
"""
VALUES = [*WORDS.split(), "", "'a b'", "a\nb", "\x1b[31m", 300 * "x"]
DOCUMENTS = [
    *("", "3", "[1, 2]", "lr: [1", "lr: *nope", "a: &a [*a]", "lr: 0.1\nlr: 0.2", "\tlr: 1", "\0", "plugins: [os]"),
    *("lr: !!python/name:os.system", "1: 2", "null: 3", "? [a]\n: 1", "name: null", "date: 2020-01-01", "hydra: 3"),
    *("defaults: 3", "defaults: [a: 1]", "defaults:\n  - {a: 1, b: 2}", "defaults:\n  - override /optimizer: nope"),
    *("defaults:\n  - override /hydra/launcher: basic", "hydra:\n  sweeper: 3", "hydra:\n  launcher: null"),
    *("hydra:\n  sweeper: {params: 3}", "hydra:\n  sweeper: {params: {lr: [1, 2]}}"),
    *("hydra:\n  sweeper: {params: {lr: null}}", "hydra:\n  sweeper: {params: {plan: 'true,false'}}"),
]
MODES: list[list[str]] = [
    [],
    ["-m"],
    ["-m", "hydra/sweeper=hpsearch", "lr=interval(0.01,0.5)"],
    ["-m", "hydra/launcher=basic"],
]
OF_HYDRA = [
    *("run.dir", "sweep.dir", "sweep.subdir", "job.num", "job.name", "job.chdir", "output_subdir", "launcher"),
    *("sweeper", "mode", "verbose"),
]
PARTS = ["launcher", "sweeper", "sweeper/sampler", "sweeper/pruner", "job_logging"]
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
VALUE = st.integers(0, 4).flatmap(lambda number: st.sampled_from(VALUES) if number else TEXT)


@cache
def _options() -> list[tuple[str, str]]:
    """Each option of a group with the choice that brings it: (optimizer=adam, optimizer.eps)."""
    found = []
    for path in sorted(CONF.glob("*/*.yaml")):
        group, part = path.parent.name, path.stem
        if group not in SWEEPS and part not in ("fashion_mnist", "mnist"):
            keys = [key for key in yaml.safe_load(path.read_text()) if key not in ELSEWHERE]
            found += [(f"{group}={part}", f"{group}.{key}") for key in keys]
    return found


@cache
def _keys() -> list[str]:
    """The keys that need no choice: of the task, of a group itself, of Hydra."""
    from hpsearch.cli.launcher import StackedLauncherConf
    from hpsearch.search.config import PRUNERS, SweeperConf

    own = yaml.safe_load((CONF / "config.yaml").read_text())
    groups = {path.parent.name for path in CONF.glob("*/*.yaml")} - {"hydra", "data"}
    classes = {"sweeper": SweeperConf, "launcher": StackedLauncherConf}
    names = [f"{part}.{each.name}" for part, its in classes.items() for each in fields(its) if each.name != "defaults"]
    pruners = [f"sweeper.pruner.{key}" for key in {key for options in PRUNERS.values() for key in options}]
    samplers = ["sweeper.sampler.seed", "sweeper.sampler.n_startup_trials", "sweeper.params.lr"]
    hydra = [name for name in (*names, *pruners, *samplers, *OF_HYDRA) if not name.endswith("_target_")]
    task = [key for key in own if key not in ("defaults", "hydra", "plan")]
    return sorted([*task, *groups, *(f"hydra.{name}" for name in hydra), *(f"hydra/{name}" for name in PARTS)])


@st.composite
def _overrides(draw: st.DrawFn) -> list[str]:
    """An odd override, with the choice that it needs."""
    choice, key = draw(st.one_of(st.sampled_from(_options()), st.sampled_from([("", key) for key in _keys()])))
    sign, value = draw(st.sampled_from(["", "", "", "", "", "+", "++", "~"])), draw(VALUE)
    line = f"{sign}{key}" if sign == "~" and draw(st.booleans()) else f"{sign}{key}={value}"
    return [choice, line] if choice and draw(st.integers(0, 3)) else [line]


@st.composite
def odd_command_line(draw: st.DrawFn) -> list[str]:
    """The arguments behind ``python -m hpsearch``; one that begins with `FILE` stands for a configuration file."""
    mode, number = draw(st.sampled_from(MODES)), draw(st.sampled_from([1, 1, 1, 2, 3]))
    odd = [line for _ in range(number) for line in draw(_overrides())]
    if draw(st.integers(0, 9)) == 0:
        key, value = draw(st.sampled_from(_keys())), draw(st.sampled_from(VALUES))
        document = draw(st.one_of(st.sampled_from(DOCUMENTS), st.just(f"{key}: {value}")))
        odd.append(f"{FILE}# @package _global_\n{document}\n")
    return [*mode, *BASE, *odd, LAST]


def verdict_of(arguments: Sequence[str]) -> str | None:
    """Run a command line in an empty folder; returns a line that says what is wrong with its end, or None.

    It must end within `LIMIT` with exit code 0, 1 or 2, show no traceback, and leave no file. With exit code 1 or 2 it
    must print lines of errors, or of warnings of the data, and nothing else.
    """
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(f"{json.dumps(list(arguments))}\n")
    server.stdin.flush()
    verdict: str | None = json.loads(server.stdout.readline())
    return verdict


@cache
def _server() -> "subprocess.Popen[str]":
    """A process that has imported what commands need; it is another one, because its children must have no threads."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.command_lines"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
    )
    atexit.register(server.kill)
    return server


def _serve() -> None:
    """Answer each line of arguments with the verdict on it."""
    import optuna  # noqa: F401
    from hydra.core.plugins import Plugins

    from hpsearch.cli import launcher, sweeper  # noqa: F401
    from hpsearch.search import driver, settings  # noqa: F401
    from hpsearch.task import build  # noqa: F401

    Plugins.instance()
    for line in sys.stdin:
        print(json.dumps(_verdict(json.loads(line))), flush=True)


def _verdict(arguments: list[str]) -> str | None:
    folder = Path(tempfile.mkdtemp())
    try:
        work, shown = folder / "work", folder / "shown"
        work.mkdir()
        arguments = _with_files(arguments, folder)
        code = _ended(arguments, work, shown)
        text = shown.read_text(errors="replace")
        left = sorted(path.name for path in work.iterdir())
        return _wrong(code, text, left)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _with_files(arguments: list[str], folder: Path) -> list[str]:
    texts = [argument.removeprefix(FILE) for argument in arguments if argument.startswith(FILE)]
    rest = [argument for argument in arguments if not argument.startswith(FILE)]
    if not texts:
        return rest
    (folder / "conf" / "experiment").mkdir(parents=True)
    (folder / "conf" / "experiment" / "odd.yaml").write_text(texts[0], encoding="utf-8")
    return [f"--config-dir={folder / 'conf'}", *rest, "experiment=odd"]


def _ended(arguments: list[str], work: Path, shown: Path) -> int | None:
    """The exit code of the command in a process of its own; None if it had to be ended."""
    child = os.fork()
    if not child:
        os.setsid()
        os.chdir(work)
        file = os.open(shown, os.O_CREAT | os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(file, stream)
        os._exit(_run(arguments))
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _run(arguments: list[str]) -> int:
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    sys.argv = ["hpsearch", *arguments]
    code: Any = 0
    try:
        from hpsearch.__main__ import main

        main()
    except SystemExit as stop:
        code = stop.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else 1


def _wrong(code: int | None, text: str, left: list[str]) -> str | None:
    lines = [line for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else "nothing"
    if code is None:
        return f"still runs after {LIMIT} s; last line: {last}"
    if "Traceback" in text:
        return f"shows a traceback: {last}"
    if code not in (0, 1, 2):
        return f"exit code {code}; last line: {last}"
    if left:
        return f"leaves {', '.join(left)}; last line: {last}"
    if not code:
        return None
    if not any(line.startswith("error: ") for line in lines):
        return f"exit code {code} without a reason; last line: {last}"
    other = [line for line in lines if not line.startswith(("error: ", "warning: "))]
    if other:
        return f"prints more than errors: {other[0]}"
    if "HYDRA_FULL_ERROR" in text:
        return f"did not expect this error: {last}"
    return None


if __name__ == "__main__":
    _serve()
