"""A finished sweep in the dashboard: a grid becomes a study, a study gets a note and the report's figures."""

import statistics
import warnings
from datetime import datetime
from pathlib import Path

import optuna
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch.report import search_figures
from hpsearch.report.analysis import Findings
from hpsearch.report.summary_table import label
from hpsearch.search.bulk import POINT, BulkStorage

ARTIFACTS = "artifacts"  # folder beside the sweeps'
MADE_OF = "made of"  # user attribute of a study that is written from records, anew with every report


def publish(found: Findings, sweep: Path, report: Path, url: str, name: str, command: str) -> None:
    """Enter the sweep into the storage at `url`, as the study `name`. Raises StorageError."""
    storage = BulkStorage(url)
    try:
        with storage.errors(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parts of Optuna that it calls experimental
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            study = _study(found, storage, name)
            _note(study, found, sweep, command)
            _figures(study, report, sweep.parent / ARTIFACTS)
    finally:
        storage.close()


def _study(found: Findings, storage: BulkStorage, name: str) -> Study:
    """The study of a search as it is; that of a grid made anew from its records."""
    studies = {study.study_name: study for study in optuna.get_all_study_summaries(storage.rdb)}
    if name in studies and MADE_OF not in studies[name].user_attrs:
        return optuna.load_study(study_name=name, storage=storage.rdb)
    if name in studies:
        optuna.delete_study(study_name=name, storage=storage.rdb)
    study = storage.study(name, ["maximize"], ["val_accuracy"])
    study.set_user_attr(MADE_OF, "records")
    trials = _trials(found)
    storage.begin(storage.study_id(name), trials, limit=len(trials))
    return study


def _trials(found: Findings) -> list[FrozenTrial]:
    """A trial per configuration: mean validation accuracy over its seeds, and the mean curve."""
    runs, table = found.runs, found.table
    distributions = search_figures.distributions(runs, table)
    trials = []
    for configuration, row in table.iterrows():
        entries = [runs.records[i] for i in runs.frame.index[runs.frame.configuration == configuration]]
        done = [entry for entry in entries if entry["status"] == "finished"]
        params = search_figures.params(row, distributions)
        present: dict[str, BaseDistribution] = {key: distributions[key] for key in params}
        curves = [entry["history"]["val_accuracy"] for entry in done]
        by_seed = {str(entry["config"]["seed"]): entry["metrics"]["val_accuracy"] for entry in done}
        attributes = {
            POINT: label(row, runs.swept),
            "seeds": by_seed,
            "folders": list(runs.frame.folder[runs.frame.configuration == configuration]),
        }
        if len(by_seed) > 1:
            attributes["std"] = statistics.stdev(by_seed.values())
        trial = create_trial(
            state=TrialState.COMPLETE if done else TrialState.FAIL,
            value=float(row.val_mean) if done else None,
            params=params,
            distributions=present,
            user_attrs=attributes,
            intermediate_values={i: statistics.fmean(at) for i, at in enumerate(zip(*curves, strict=False), start=1)},
        )
        trial.datetime_start = trial.datetime_complete = datetime.now()
        trials.append(trial)
    return trials


def _note(study: Study, found: Findings, sweep: Path, command: str) -> None:
    from optuna_dashboard import save_note

    text = "\n\n".join([*found.paragraphs, f"`{command}`", f"Records and report: `{sweep}`"])
    save_note(study, text)


def _figures(study: Study, report: Path, folder: Path) -> None:
    """The report's figures, each once: a newer one takes the place of an older."""
    folder.mkdir(exist_ok=True)
    known = {meta.filename: meta.artifact_id for meta in get_all_artifact_meta(study, storage=study._storage)}
    for picture in sorted(report.glob("*.png")):
        if picture.name in known:
            (folder / known[picture.name]).write_bytes(picture.read_bytes())
        else:
            upload_artifact(
                artifact_store=FileSystemArtifactStore(folder),
                file_path=str(picture),
                study_or_trial=study,
                storage=study._storage,
            )
