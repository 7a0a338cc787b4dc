"""One sentence for a value out of range."""


def require(valid: bool, key: str, value: object, must: str) -> None:
    """Raise ValueError "key=value: must …" unless `valid`."""
    if not valid:
        raise ValueError(f"{key}={value}: must be {must}")
