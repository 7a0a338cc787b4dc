"""Imports go down only."""

import ast
import re
from pathlib import Path

import pytest

import hpsearch

PACKAGE = Path(hpsearch.__file__).parent

# lowest first; a module may import from the rows above its own, and from its own row's modules to the left
FLOORS = [
    ["hpsearch", "usage", "ranges", "interrupt", "garbage", "faults"],
    ["randomness", "threads", "graphs", "archives", "split", "record", "compose", "classifiers"],
    ["data", "layers", "schedules", "optim", "fused", "init"],
    ["models", "architectures"],
    ["stack", "stack_size"],
    ["engine"],
    ["fit"],
    ["places", "progress", "lanes"],
    ["environment", "config", "settings"],
    ["build", "check"],
    ["results", "once"],
    ["space", "pruners", "database", "attach", "task"],
    ["report", "report.stats", "report.wording", "report.runs", "report.configurations"],
    ["report.verdict", "report.prose", "report.confirmation", "report.tables", "report.findings"],
    ["report.look", "report.curves", "report.accuracies", "report.search", "report.plots"],
    ["report.origin", "report.page", "report.folder", "report.summary", "report.__main__"],
    ["store", "search", "plan", "publish", "dashboard"],
    ["hydra_errors", "metadata", "joblog", "jobs", "launcher"],
    ["samplers", "sweeper_config", "search_settings", "sweeper"],
    ["confirm", "ending", "callbacks"],
    ["__main__"],
]
ORDER = [module for floor in FLOORS for module in floor]


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__") or "hpsearch"] = path
    return found


def imports(path: Path) -> set[str]:
    """The modules of hpsearch that a file imports at its top level or inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "hpsearch":
            inner = node.module.removeprefix("hpsearch").removeprefix(".")
            names |= {f"{inner}.{alias.name}".removeprefix(".") for alias in node.names} | {inner or "hpsearch"}
    return names & set(ORDER)


def test_every_module_has_its_place() -> None:
    assert sorted(modules()) == sorted(ORDER)


@pytest.mark.parametrize("module", ORDER)
def test_a_module_imports_only_from_below(module: str) -> None:
    above = {name for name in imports(modules()[module]) if ORDER.index(name) > ORDER.index(module)}
    assert not above


@pytest.mark.parametrize("module", [m for m in ORDER if m.startswith("report")])
def test_the_report_needs_neither_torch_nor_hydra(module: str) -> None:
    text = modules()[module].read_text()
    assert not re.search(r"^\s*(import|from) (torch|hydra|omegaconf)", text, flags=re.MULTILINE)
