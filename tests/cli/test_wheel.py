"""The package as it is installed from a wheel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml


@pytest.mark.slow
def test_a_built_wheel_carries_the_configuration_and_runs_from_anywhere(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parent.parent.parent
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        str(root),
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        str(tmp_path),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", str(wheel), "--no-deps", "-q", "--target", str(site)]
    subprocess.run(install, check=True, capture_output=True)
    assert (site / "hpsearch" / "report" / "page.html").exists()
    assert (site / "hpsearch" / "cli" / "template" / "my_parts.py.txt").exists()
    (tmp_path / "empty").mkdir()
    shown = subprocess.run(
        [sys.executable, "-m", "hpsearch", "--cfg", "job", "experiment=quickstart"],
        cwd=tmp_path / "empty",
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert yaml.safe_load(shown.stdout)["batch_size"] == 64
