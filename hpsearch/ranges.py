"""One sentence for a value out of range."""

from hpsearch.usage import UsageError


class OutOfRange(UsageError, ValueError):
    """Wrong usage, which for Optuna and scikit-learn is a ValueError like their own."""


def require(valid: bool, key: str, value: object, must: str) -> None:
    """Raise OutOfRange "key=value: must be …" unless `valid`."""
    if not valid:
        raise OutOfRange([f"{key}={value}: must be {must}"])
