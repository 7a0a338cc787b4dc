"""The part of a run that a script's function needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.script.function import Script
from hpsearch.script.surroundings import Job


@dataclass(frozen=True)
class ScriptSpec:
    """One run of a script.

    config: a `DictConfig`. epochs: that it will report, as far as the configuration tells. folder: of the run; given
    before it begins. job: None if Hydra itself calls the task function.
    """

    script: Script
    config: Any
    seed: int
    epochs: int
    overrides: Sequence[str]
    folder: Path | None = None
    job: Job | None = None
