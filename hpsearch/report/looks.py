"""The looks at a sweep: on which seeds its configurations were tested before. A small file in its folder keeps them.

A test that is repeated after new seeds errs more often than each one alone. So the first look keeps its exact test, and
a later one, on other seeds, needs a test that may be repeated: `sequential`.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from hpsearch.record.file import read_plain, write_text

FILE = "looks.json"
LARGEST = 2**22  # bytes
MOST = 1000  # looks that are kept, the first and the latest: nothing depends on the number of those between

Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Key = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class Look(Struct):
    """A test. seeds: of the finished runs, in ascending order. winner: the key of its configuration."""

    date: Annotated[str, Meta(max_length=40)]
    seeds: list[Seed]
    winner: Key


class _Ledger(Struct):
    """looks: by data set."""

    schema: int
    looks: dict[str, list[Look]]


@dataclass(frozen=True)
class History:
    """The looks at a data set up to now. number: of this look, from 1 on. order: the seeds as they became known.
    winners: the different winners so far, with this one."""

    number: int
    order: list[int]
    winners: int


def read(sweep: Path) -> dict[str, list[Look]]:
    """The looks by data set; none without a valid file. A symbolic link is none, because it may lead anywhere."""
    path = sweep / FILE
    try:
        if path.is_symlink():
            return {}
        ledger = msgspec.json.decode(read_plain(path, LARGEST), type=_Ledger)
    except (OSError, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return {}
    return ledger.looks if ledger.schema == 1 else {}


def history(earlier: Sequence[Look], seeds: Iterable[int], winner: str) -> History:
    """The history of a look at runs with these seeds. The same seeds again are the same look."""
    now = sorted(set(seeds))
    before = list(earlier)
    for number, look in enumerate(before):
        if look.seeds == now:
            before = before[:number]
            break
    order = dict.fromkeys(seed for look in before for seed in sorted(look.seeds) if seed in set(now))
    order |= dict.fromkeys(now)
    return History(len(before) + 1, list(order), len({*(look.winner for look in before), winner}))


def note(sweep: Path, tested: Mapping[str, tuple[Iterable[int], str]]) -> None:
    """Add looks to the file. tested: seeds and winner by data set, of those with a test. A folder that cannot be
    written has no file: a report of it is still a report."""
    looks = read(sweep)
    before = json.dumps({name: len(its) for name, its in looks.items()})
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    for name, (seeds, winner) in tested.items():
        now, its = sorted(set(seeds)), looks.setdefault(name, [])
        if not any(look.seeds == now for look in its):
            its.append(Look(date, now, winner))
            looks[name] = its if len(its) <= MOST else [its[0], *its[-MOST + 1 :]]
    if before == json.dumps({name: len(its) for name, its in looks.items()}) or not os.access(sweep, os.W_OK):
        return
    try:
        write_text(sweep / FILE, json.dumps({"schema": 1, "looks": msgspec.to_builtins(looks)}, indent=1) + "\n")
    except OSError:
        return
