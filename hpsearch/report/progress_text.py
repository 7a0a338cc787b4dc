"""The progress of a sweep in words: one headline, and a line for each thing to know."""

import re
import statistics
from collections import defaultdict
from math import nan

from hpsearch.formatting import count, duration, inert
from hpsearch.record.progress import Progress
from hpsearch.report.best_so_far import Best, best

SHOWN = 10  # of reasons, and of damaged records
FAILED_AGAIN = "the same command trains them again"


def lines(progress: Progress) -> list[str]:
    """What is known, the headline first."""
    found = [("best so far" if not progress.over else "best", _best(each)) for each in best(progress.runs.recorded)]
    found += [("done", text) for text in _done(progress)]
    found += [("failed", text) for text in _failures(progress)]
    found += [("in training", text) for text in _running(progress)]
    found += [("no record", text) for text in _without_record(progress)]
    damaged = [f"{progress.folder / folder}: {reason}" for folder, reason in progress.runs.damaged.items()]
    found += [("damaged", text) for text in _shortened(damaged)]
    found += [("note", text) for text in progress.notes]
    if progress.command and (progress.left or progress.failed or progress.runs.damaged):
        found.append(("to go on", progress.command))
    width = max((len(name) for name, _ in found), default=0)
    return [headline(progress), *(f"{name:{width}}  {inert(text)}" for name, text in found)]


def headline(progress: Progress) -> str:
    """How much is done, and when the rest will be."""
    thing = "run" if progress.trials is None else "trial"
    ended, total = len(progress.times), progress.total
    done = f"{ended:,} of {count(total, thing)}" if total is not None else count(ended, thing)
    if total and ended >= total:
        done = f"all {count(total, thing)}"
    parts = [f"{progress.folder}: {done} ended" + (f" ({progress.failed:,} failed)" if progress.failed else "")]
    if progress.ended is not None and progress.left:
        parts.append("the command has stopped")
    elif not progress.over and total is not None:
        parts.append(_left(progress, thing))
    if progress.times:
        last = "record" if progress.trials is None else "trial"
        parts.append(f"last {last} {_ago(progress.now - max(progress.times))} ago")
    elif progress.started is not None:
        parts.append(f"begun {_ago(progress.now - progress.started)} ago")
    return ", ".join(parts)


def _left(progress: Progress, thing: str) -> str:
    rate = progress.an_hour
    if not rate:
        return "time left unknown"
    shown = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
    return f"about {_ago(3600 * progress.left / rate)} left at {shown} {thing}s an hour"


def _ago(seconds: float) -> str:
    return f"{max(0, seconds):.0f} s" if seconds < 59.5 else duration(seconds)


def _best(found: Best) -> str:
    measure, values = found.measure, found.values
    spread = statistics.stdev(values) if len(values) > 1 else nan
    value = f"{measure.value(statistics.fmean(values), spread)}{measure.percent}"
    said = f"{measure.title}{measure.hint} on validation {value} ({count(len(values), 'seed')})"
    return ", ".join(part for part in (found.label, said) if part)


def _done(progress: Progress) -> list[str]:
    number = defaultdict[str, int](int)
    for run in progress.runs.recorded:
        number[run.status] += 1
    kinds = [f"{number[status]:,} {status}" for status in ("finished", "pruned", "diverged") if number[status]]
    pruned = progress.trials.pruned if progress.trials else 0
    trials = f"; {count(pruned, 'trial')} pruned" if pruned else ""
    return [f"runs: {', '.join(kinds)}{trials}"] if kinds else []


def _failures(progress: Progress) -> list[str]:
    """A line for each reason, the most frequent first. Reasons that differ only in their numbers are one."""
    groups = defaultdict[str, list[tuple[str, str]]](list)
    for run in progress.runs.recorded:
        if run.status == "failed":
            reason = run.reason or "no reason"
            groups[re.sub(r"\d+", "0", reason)].append((reason, run.folder))
    ranked = sorted(groups.values(), key=len, reverse=True)
    texts = [f"{len(group):,} × {group[0][0]} ({progress.folder / group[0][1]})" for group in ranked]
    return [*_shortened(texts), *([FAILED_AGAIN] if texts and progress.trials is None else [])]


def _running(progress: Progress) -> list[str]:
    if progress.trials is None:
        return []
    running, dead = progress.trials.running, progress.trials.dead
    return [
        *(f"{count(number, 'trial')} by process {worker}" for worker, number in running.items()),
        *(
            f"{count(number, 'trial')} by process {worker}, which has ended; the same command tries them again"
            for worker, number in dead.items()
        ),
    ]


def _without_record(progress: Progress) -> list[str]:
    runs = progress.runs
    now = "cut off" if progress.ended is not None else "in training, waiting, or cut off"
    parts = [f"{count(len(runs.missing), 'run')} with a folder: {now}"] if runs.missing else []
    return [*parts, *([f"{count(progress.unbegun, 'run')} without a folder: not begun"] if progress.unbegun else [])]


def _shortened(texts: list[str]) -> list[str]:
    more = [f"and {len(texts) - SHOWN:,} more"] if len(texts) > SHOWN else []
    return [*texts[:SHOWN], *more]
