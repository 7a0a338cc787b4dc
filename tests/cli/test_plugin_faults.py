"""A wrong plugin is one line, and a name in a YAML file imports nothing."""

from pathlib import Path

import pytest

from tests.cli import TINY, Cli
from tests.plugin_parts import PARTS, Write


@pytest.mark.parametrize("mode", [[], ["-m"]], ids=["run", "sweep"])
def test_a_name_in_a_yaml_imports_nothing(cli: Cli, module: Write, tmp_path: Path, mode: list[str]) -> None:
    module("evil", "open('was here', 'w')")
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "e.yaml").write_text("# @package _global_\nplugins: [evil]\n")
    (tmp_path / "conf" / "experiment" / "plain.yaml").write_text("# @package _global_\nepochs: 1\n")
    inside = "# @package _global_\nhydra:\n  sweeper:\n    params:\n      plugins: '[evil]'\n"
    (tmp_path / "conf" / "experiment" / "space.yaml").write_text(inside)
    line = "plugins=[evil]: a YAML file cannot name plugins; give plugins=[evil] on the command line"
    wrong = {"experiment=e": line}
    if mode:
        wrong["experiment=space"] = "hydra.sweeper.params: cannot have plugins; give plugins=[…] on the command line"
        wrong["experiment=plain,e"] = line
    for argument, line in wrong.items():
        shown = cli(*mode, "--config-dir", "conf", argument, *TINY)
        assert (shown.code, line in shown.err, shown.err.count("\n")) == (2, True, 1), shown.err
    assert not (tmp_path / "was here").exists()
    assert not cli.multirun.exists()


REGISTER = "import hpsearch\nhpsearch.register"
WRONG = [
    ("plugins=[no_such]", "", "there is no module no_such; no_such.py must lie in the working directory, "),
    ("plugins=[bad.py]", "", "must be the name of a module, without folder and without .py"),
    ("plugins=bad", "", "plugins=bad: must be one list of modules, e.g. plugins=[my_parts]"),
    ("plugins=[bad", "", "plugins=[bad: must be one list of modules, e.g. plugins=[my_parts]"),
    ("plugins=[bad]", "x = 1\nx / 0", "importing it raises ZeroDivisionError: division by zero (bad.py:2); python -c"),
    ("plugins=[bad]", "import no_lib", "importing it raises ModuleNotFoundError: No module named 'no_lib' (bad.py:1)"),
    ("plugins=[bad]", "x = (", "importing it raises SyntaxError: '(' was never closed (bad.py:1)"),
    ("plugins=[bad]", "raise SystemExit(3)", "importing it raises SystemExit: 3 (bad.py:1)"),
    ("plugins=[bad]", f"{REGISTER}('int')(print)", "int=print (builtins): the group must be"),
    ("plugins=[bad]", f"{REGISTER}('init', 'f')(lambda w, a: 0)", "init=f (bad.py:2): its option a has no default"),
]  # fmt: skip


@pytest.mark.parametrize(("argument", "text", "line"), WRONG, ids=[line for *_, line in WRONG])
def test_a_wrong_plugin_is_one_line(cli: Cli, module: Write, argument: str, text: str, line: str) -> None:
    module("bad", text)
    shown = cli(argument, *TINY)
    assert (shown.code, line in shown.err, shown.err.count("\n")) == (2, True, 1), shown.err
    assert not cli.multirun.exists()


def test_an_optimizer_that_decays_nothing_cannot_spare_biases(cli: Cli, module: Write) -> None:
    module("my_parts", PARTS.replace("    weight_decay: float = 0.0\n", ""))
    shown = cli("plugins=[my_parts]", *TINY, "optimizer=sign_sgd", "decay_biases=false")
    line = "error: decay_biases=false: must be true for optimizer=sign_sgd, which has no weight_decay\n"
    assert (shown.code, shown.err) == (2, line)


def test_a_name_that_two_plugins_take(cli: Cli, module: Write) -> None:
    module("my_parts", PARTS)
    module("others", PARTS.replace("class SignSGD", "class Other").replace("lr=0.005", "'sign_sgd'"))
    shown = cli("plugins=[my_parts,others]", *TINY)
    line = "error: optimizer=sign_sgd (others.py:6): the name is taken by my_parts.py:6; give it another one: register("
    assert (shown.code, shown.err.startswith(line)) == (2, True), shown.err
