"""Import matplotlib without a backend that only the user's own programs need."""

import os
import sys

BACKEND = "MPLBACKEND"  # environment variable of matplotlib


def load() -> None:
    """Import matplotlib, if nobody has; a backend that is not here must not end a report, which draws into files."""
    if "matplotlib" in sys.modules:
        return
    given = os.environ.pop(BACKEND, None)
    try:
        import matplotlib  # noqa: F401
    finally:
        if given is not None:
            os.environ[BACKEND] = given
