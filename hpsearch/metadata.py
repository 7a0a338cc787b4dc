"""The three files of a job's ``.hydra``, byte for byte Hydra's. What is equal in all jobs becomes YAML once.

Of ``hydra.yaml``, the longest, a job has a few lines for itself.
"""

from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf._utils import get_omega_conf_dumper


class Metadata:
    """Writes the files of the jobs of a sweep."""

    def __init__(self) -> None:
        self._between: dict[object, list[str]] = {}  # of ``hydra.yaml``, the text between a job's own

    def write(self, folder: Path, config: DictConfig, task: DictConfig, overrides: list[str], alike: object) -> None:
        """config: a job's; task, overrides: without Hydra's part. alike: equal for jobs whose parts of Hydra differ
        only in what each has for itself."""
        folder.mkdir(exist_ok=True)
        for name, text in (
            ("config", OmegaConf.to_yaml(task)),
            ("hydra", self._hydra(config.hydra, overrides, alike)),
            ("overrides", _yaml(overrides)),
        ):
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    def _hydra(self, hydra: DictConfig, overrides: list[str], alike: object) -> str:
        own = [  # in their order
            _entry("sweep", "subdir", hydra.sweep.subdir),
            _entry("overrides", "task", overrides),
            _entry("job", "id", hydra.job.id),
            _entry("job", "num", hydra.job.num),
            _entry("runtime", "output_dir", hydra.runtime.output_dir),
        ]
        if alike not in self._between:
            rest, between = OmegaConf.to_yaml({"hydra": hydra}), []
            for entry in own:
                before, _, rest = rest.partition(entry)
                between.append(before)
            self._between[alike] = [*between, rest]
        return "".join(chain.from_iterable(zip_longest(self._between[alike], own, fillvalue="")))


def _entry(section: str, key: str, value: object) -> str:
    """The lines of one key of a section of ``hydra.yaml``: dumped in their place, for a long value is folded there."""
    return _yaml({"hydra": {section: {key: value}}}).split("\n", 2)[2]


def _yaml(plain: Any) -> str:
    """As `OmegaConf.to_yaml`."""
    dumper = get_omega_conf_dumper()
    text: str = yaml.dump(plain, default_flow_style=False, allow_unicode=True, sort_keys=False, Dumper=dumper)
    return text
