"""The layout: eleven wings, imports down only, no private interface of a library but the ones named here."""

import ast
import re
from pathlib import Path

import pytest

import hpsearch

PACKAGE = Path(hpsearch.__file__).parent
CONF = PACKAGE.parent / "conf"

WINGS = [  # lowest first
    *("record", "report", "trackers", "components", "engine", "script", "integrations"),
    *("workers", "task", "search", "cli"),
]
WITHOUT_TORCH_AND_HYDRA = {"record", "report", "trackers"}
PRIVATE = re.compile(r"\._(internal|rdb|utils|impl)\b")
NAMED = {"search/space_syntax.py": "from hydra_plugins.hydra_optuna_sweeper._impl import create_params_from_overrides"}
ATTRIBUTES = {  # private attributes of other objects, by the one file that may use them; `_target_` is Hydra's own key
    "_exit": "script/training.py",  # public, as the documentation of os says
    "_trial_id": "search/bulk.py",
    "_validate_params": "components/architecture/classifiers.py",
}

FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def wing_of(path: Path) -> str | None:
    """The wing of a file; None for a file beside the wings."""
    first, *rest = path.relative_to(PACKAGE).parts
    return first if rest else None


def imported(path: Path) -> set[str]:
    """The wings and files of hpsearch that a file imports, at its top or inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hpsearch":
            inner = (node.module or "").split(".")[1:]
            found |= {inner[0]} if inner else {alias.name for alias in node.names}
    return found


def test_the_wings_are_these() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert folders == set(WINGS)


@pytest.mark.parametrize("path", [path for path in FILES if wing_of(path)], ids=name_of)
def test_a_wing_imports_only_from_below(path: Path) -> None:
    wing = wing_of(path)
    assert wing is not None
    above = WINGS[WINGS.index(wing) + 1 :]
    if wing in WITHOUT_TORCH_AND_HYDRA:  # they stand beside each other on the record
        above = [w for w in WINGS if w not in ("record", wing)]
    ground = {p.stem for p in FILES if wing_of(p) is None and not imported(p) & {*WINGS}}
    assert not imported(path) & set(above)
    assert imported(path) <= {*WINGS, *ground}


@pytest.mark.parametrize("path", [p for p in FILES if wing_of(p) in WITHOUT_TORCH_AND_HYDRA], ids=name_of)
def test_records_and_reports_need_neither_torch_nor_hydra(path: Path) -> None:
    assert not re.search(r"^\s*(import|from) (torch|hydra|omegaconf)", path.read_text(), flags=re.MULTILINE)


def test_no_two_files_import_each_other() -> None:
    """No circle: at their tops, files can be put in an order."""
    names = {f"hpsearch.{name_of(path)[:-3].replace('/', '.')}": path for path in FILES}
    waiting = {}
    for name, path in names.items():
        tops = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom)]
        modules = {node.module or "" for node in tops} | {
            f"{node.module}.{a.name}" for node in tops for a in node.names
        }
        waiting[name] = {module for module in modules if module in names and module != name}
    while free := [name for name, needs in waiting.items() if not needs & waiting.keys()]:
        for name in free:
            del waiting[name]
    assert not waiting


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_private_interface_of_a_library_is_used(path: Path) -> None:
    lines = [line.strip() for line in path.read_text().splitlines() if PRIVATE.search(line)]
    assert lines == ([NAMED[name_of(path)]] if name_of(path) in NAMED else [])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and re.fullmatch(r"_[a-z]\w*", node.attr) and node.attr != "_target_":
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            assert own or ATTRIBUTES.get(node.attr) == name_of(path), ast.unparse(node)


def test_a_wing_says_what_it_is() -> None:
    for wing in WINGS:
        text = ast.get_docstring(ast.parse((PACKAGE / wing / "__init__.py").read_text())) or ""
        assert "In:" in text, wing
        assert "Out:" in text, wing
        assert "May import:" in text, wing


def test_a_long_file_says_why() -> None:
    long = [path for path in FILES if len(path.read_text().splitlines()) > 150]
    assert len(long) <= len(FILES) // 5
    for path in long:
        assert "Long, because" in (ast.get_docstring(ast.parse(path.read_text())) or ""), name_of(path)


def test_every_group_of_conf_has_its_room_in_components() -> None:
    rooms = {path.stem for path in (PACKAGE / "components").iterdir()}
    groups = {path.name for path in CONF.iterdir() if path.is_dir()} - {"experiment", "search", "hydra", "tracker"}
    assert groups <= rooms
