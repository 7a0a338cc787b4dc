"""Runs cut into stacks that train apart from each other."""

from collections.abc import Hashable, Sequence

from hpsearch.workers.run import Run


def cut(runs: Sequence[tuple[int, Run]], lanes: int) -> list[list[tuple[int, Run]]]:
    """Numbered runs in stacks of at most `lanes`, in the order of their first runs.

    A stack holds runs of one stack key. Those of a key that need several are shared out evenly, because the largest
    stack ends last; neighbours stay together, because they are the seeds of a configuration.
    """
    by_key: dict[Hashable, list[tuple[int, Run]]] = {}
    for number, run in runs:
        by_key.setdefault(run.stack_key, []).append((number, run))
    stacks: list[list[tuple[int, Run]]] = []
    for members in by_key.values():
        parts = -(-len(members) // lanes)
        ends = [len(members) * part // parts for part in range(parts + 1)]
        stacks += [members[begin:end] for begin, end in zip(ends, ends[1:], strict=False)]
    return stacks
