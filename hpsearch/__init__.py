"""hpsearch: hyperparameter search for PyTorch, many runs trained as one program.

From Python: `sweep`, `train`, `records` and `load`; `register` for parts of your own, `main` for a training script of
your own. The command line: ``python -m hpsearch``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpsearch.cli.interface import Sweep, records, sweep, train
    from hpsearch.cli.script_main import main
    from hpsearch.cli.winner import load
    from hpsearch.components.registry import register
    from hpsearch.script.run import Pruned, ScriptRun

__version__ = "0.1.0"
__all__ = ["Pruned", "ScriptRun", "Sweep", "load", "main", "records", "register", "sweep", "train"]


def __getattr__(name: str) -> Any:
    """Import the interface when it is first asked for: Hydra and pandas take a second."""
    if name == "load":
        from hpsearch.cli.winner import load

        return load
    if name == "register":
        from hpsearch.components.registry import register

        return register
    if name == "main":
        from hpsearch.cli.script_main import main

        return main
    if name in ("Pruned", "ScriptRun"):
        from hpsearch.script import run

        return getattr(run, name)
    if name in __all__:
        from hpsearch.cli import interface

        return getattr(interface, name)
    raise AttributeError(f"module 'hpsearch' has no attribute {name!r}")
