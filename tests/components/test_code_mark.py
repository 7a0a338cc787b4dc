"""A part's mark follows the text of the user's code, and nothing else."""

from collections.abc import Callable
from importlib import import_module, invalidate_caches
from pathlib import Path
from sys import modules
from typing import Any

import pytest

from hpsearch.components.code_mark import code_mark

Mark = Callable[..., str]
PART = """
import math
import helper
from helper import halved

FACTOR = 2

class Base:
    def go(self):
        return 1

class Part(Base):
    @property
    def value(self):
        return [halved(helper.third() + FACTOR) for _ in range(3)]
"""
HELPER = "THIRD = 3\ndef third():\n    return THIRD\ndef halved(x):\n    return x / TWO\nTWO = 2\n"


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mark:
    """The mark of the part, of modules with some words replaced."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def of(old: str = "", new: str = "") -> str:
        for name, text in (("part", PART), ("helper", HELPER)):
            (tmp_path / f"{name}.py").write_text(text.replace(old, new, 1) if old else text)
            modules.pop(name, None)
        invalidate_caches()
        part: Any = import_module("part")
        found = code_mark(part.Part)
        for name in ("part", "helper"):
            del modules[name]
        return found

    return of


def test_it_stays_with_the_text(mark: Mark) -> None:
    assert mark() == mark()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("range(3)", "range(30)"),
        ("FACTOR = 2", "FACTOR = 20"),
        ("return 1", "return 100"),
        ("x / TWO", "x / TWO / 1"),
        ("TWO = 2", "TWO = 20"),
        ("THIRD = 3", "THIRD = 30"),
    ],
)
def test_it_changes_with_what_the_part_says_and_calls(mark: Mark, old: str, new: str) -> None:
    assert mark(old, new) != mark()


def test_it_does_not_change_with_the_rest_of_its_file(mark: Mark) -> None:
    assert mark("import math", "import os") == mark()
