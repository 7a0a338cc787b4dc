"""The budget of a search."""

from dataclasses import dataclass
from math import inf

from hpsearch.errors import require

MOST_TRIALS = 1_000_000
MOST_RETRIES = 1000
ATTEMPTS = 200  # known points in a row, after which the space counts as exhausted


@dataclass(frozen=True)
class Budget:
    """n_trials: of the whole study. timeout: seconds after which no trial begins. retry_failed: attempts after the
    first. max_failure_rate: failed trials as a fraction of n_trials. Raises OutOfRange."""

    n_trials: int
    timeout: float | None
    retry_failed: int
    max_failure_rate: float

    def __post_init__(self) -> None:
        rate = self.max_failure_rate
        require(self.n_trials >= 1, "hydra.sweeper.n_trials", self.n_trials, "at least 1")
        require(self.n_trials <= MOST_TRIALS, "hydra.sweeper.n_trials", self.n_trials, f"at most {MOST_TRIALS:,}")
        above = self.timeout is None or 0 < self.timeout < inf
        require(above, "hydra.sweeper.timeout", self.timeout, "seconds above 0, or null")
        require(self.retry_failed >= 0, "hydra.sweeper.retry_failed", self.retry_failed, "at least 0")
        require(
            self.retry_failed <= MOST_RETRIES,
            "hydra.sweeper.retry_failed",
            self.retry_failed,
            f"at most {MOST_RETRIES}",
        )
        require(0 <= rate <= 1, "hydra.sweeper.max_failure_rate", rate, "between 0 and 1")
