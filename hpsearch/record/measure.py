"""The metric of a record, as far as a reader needs it: its name, its direction, its unit, and how to write it."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from hpsearch.formatting import decimals, inert, number_text, percent, points

TITLES = {  # of metrics whose name is an abbreviation
    "f1": "F1",
    "log_loss": "log loss",
    "mae": "MAE",
    "r2": "R²",
    "rmse": "RMSE",
    "roc_auc": "ROC AUC",
}
LONGEST = 32  # characters of a title beside a figure
FRACTIONS = {"accuracy", "balanced_accuracy", "f1"}  # a record names the unit of its own metric only


@dataclass(frozen=True)
class Measure:
    """A metric.

    maximize: True if higher is better. unit: "%" for a fraction that is written in percent, "target" for the unit of
    the target, "" for a plain number. target: the name of the target; "" if it has none.
    """

    name: str
    maximize: bool
    unit: str
    target: str = ""

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Measure":
        """The metric that selects among runs such as this one."""
        metric = record["metric"]
        return cls(metric["name"], metric["maximize"], metric["unit"], inert(record["target"]["name"] or ""))

    @classmethod
    def further(cls, name: str) -> "Measure":
        """A metric that stands beside the one that selects. Its direction is not known."""
        return cls(name, True, "%" if name in FRACTIONS else "")

    @property
    def val(self) -> str:
        """Its key in a record on the validation split."""
        return f"val_{self.name}"

    @property
    def test(self) -> str:
        """Its key in a record on the test split."""
        return f"test_{self.name}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The numbers that every record has."""
        return self.val, "val_loss", "train_loss", self.test, "test_loss"

    @property
    def is_accuracy(self) -> bool:
        """True if it is the share of right predictions, which has a binomial standard error."""
        return self.name == "accuracy" and self.unit == "%"

    @property
    def title(self) -> str:
        """Its name in a sentence: accuracy, RMSE of strength."""
        title = title_of(self.name)
        return f"{title} of {self.target}" if self.unit == "target" and self.target not in ("", "target") else title

    @property
    def sign(self) -> int:
        """1 if higher is better, else -1: what to multiply values by so that higher is better."""
        return 1 if self.maximize else -1

    @property
    def hint(self) -> str:
        """Words behind its name if lower is better, because readers expect the other direction."""
        return "" if self.maximize else " (lower is better)"

    def label(self, part: str) -> str:
        """Its name on an axis: test accuracy (%). A long name of a target has no room there."""
        measure = replace(self, target="") if len(self.title) > LONGEST else self
        return f"{part} {measure.title}{' (%)' if self.in_percent else ''}"

    @property
    def difference_label(self) -> str:
        """The name of a difference on an axis: difference in test accuracy, points."""
        return f"difference in test {self.title}{', points' if self.in_percent else ''}"

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """The direction of a study that optimizes it."""
        return "maximize" if self.maximize else "minimize"

    @property
    def in_percent(self) -> bool:
        """True if its values are fractions that are written in percent."""
        return self.unit == "%"

    @property
    def percent(self) -> str:
        """The sign behind a value: " %", or nothing."""
        return " %" if self.in_percent else ""

    @property
    def points(self) -> str:
        """The word behind a difference: " points", or nothing."""
        return " points" if self.in_percent else ""

    def value(self, mean: float, spread: float = float("nan")) -> str:
        """A value without its unit, and the ± if there is one: 88.91 ± 0.21, 4.830 ± 0.16."""
        return percent(mean, spread) if self.in_percent else number_text(mean, spread)

    def difference(self, difference: float, beside: float) -> str:
        """A difference with its sign, in percentage points, or with as many decimals as `beside`, one of the values."""
        return points(difference) if self.in_percent else decimals(difference, beside)

    def interval(self, low: float, high: float, beside: float) -> str:
        """The ends of the interval of a difference: -0.10 to +0.30."""
        return f"{self.difference(low, beside)} to {self.difference(high, beside)}"

    def distance(self, difference: float, beside: float) -> str:
        """A difference without its sign, and its word: 0.30 points, 0.213."""
        return self.difference(abs(difference), beside).lstrip("+") + self.points


def title_of(name: str) -> str:
    """The name of a metric in a sentence."""
    return TITLES.get(name, name.replace("_", " "))


ACCURACY = Measure("accuracy", maximize=True, unit="%")
