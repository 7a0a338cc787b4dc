"""A check of the machine: its status, what it says, and the cure."""

from dataclasses import dataclass

OK, WARNING, FAULT = "ok", "warning", "fault"


@dataclass(frozen=True)
class Check:
    """status: ok, warning, or fault, with which hpsearch does not work. cure: empty if there is nothing to do."""

    name: str
    status: str
    said: str
    cure: str = ""
