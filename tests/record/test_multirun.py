"""Hydra's file in a sweep's folder."""

from pathlib import Path

from omegaconf import OmegaConf

from hpsearch.record.multirun import MULTIRUN, read_multirun
from tests.composing import sweep_cfg


def test_a_path_in_a_configuration_is_read_as_text_and_no_object_is_made(tmp_path: Path) -> None:
    text = OmegaConf.to_yaml(sweep_cfg("name=a"))
    (tmp_path / MULTIRUN).write_text(text + OmegaConf.to_yaml(OmegaConf.create({"where": Path("/a/b")})))
    found = read_multirun(tmp_path)
    assert found is not None
    assert (found["where"], found["name"]) == ("/a/b", "a")
    (tmp_path / MULTIRUN).write_text(text + "where: !!python/object/apply:os.system [true]\n")
    assert read_multirun(tmp_path) is None
