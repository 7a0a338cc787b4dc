"""Small tables with every kind of column, as files and frames."""

from pathlib import Path

import numpy as np
import pandas as pd


def penguins(rows: int = 120, seed: int = 0) -> pd.DataFrame:
    """Numbers, texts, missing values of both, a class to predict, and groups of rows that belong together."""
    rng = np.random.default_rng(seed)
    species = np.array(["Adelie", "Chinstrap", "Gentoo"])[np.arange(rows) % 3]
    bill = rng.normal(40, 3, rows) + 4 * (np.arange(rows) % 3)
    mass = rng.integers(2700, 6300, rows).astype(float)
    bill[rng.permutation(rows)[: rows // 20]] = np.nan
    sex = rng.choice(["male", "female"], rows).astype(object)
    sex[rng.permutation(rows)[: rows // 10]] = None
    return pd.DataFrame(
        {
            "bill": bill,
            "mass": mass,
            "island": rng.choice(["Biscoe", "Dream", "Torgersen"], rows),
            "sex": sex,
            "nest": [f"nest {number}" for number in rng.integers(0, rows // 6, rows)],
            "species": species,
        }
    )


def written(folder: Path, frame: pd.DataFrame, name: str = "table.csv") -> str:
    """The path of a CSV file with this frame."""
    path = folder / name
    frame.to_csv(path, index=False)
    return str(path)
