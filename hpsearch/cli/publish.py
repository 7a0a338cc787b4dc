"""Enter sweeps into the dashboard: a grid becomes a study, at its end; every study gets a note and the report's
figures once the dashboard starts."""

import re
import statistics
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

import optuna
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna.study import Study
from optuna.trial import FrozenTrial

from hpsearch.errors import UsageError
from hpsearch.formatting import markdown_code, markdown_text
from hpsearch.record.commands import resume_command
from hpsearch.record.file import FILE, write_whole
from hpsearch.record.multirun import is_searched, read_multirun
from hpsearch.report import analysis, rebuilt_study, write
from hpsearch.report.findings import Findings
from hpsearch.report.summary_json import SUMMARY
from hpsearch.report.summary_table import label
from hpsearch.search.bulk import POINT, BulkStorage

ARTIFACTS = "artifacts"  # folder beside the sweeps'
ENTERED = "entered"  # user attribute of a study: the time of the newest file of its report
MADE_OF = "made of"  # user attribute of a study that is rebuilt from records: which ones


def enter(folder: Path, url: str | None = None) -> list[str]:
    """Enter the sweeps in a folder whose results are new since the last time: into the storage beside them, or those
    searches that have their study in the storage at `url`. Returns a line for each sweep that could not be entered."""
    faults: list[str] = []
    storage_url = url or f"sqlite:///{folder / 'hpsearch.db'}"
    with closing(BulkStorage(storage_url)) as storage, storage.errors():
        studies = optuna.get_all_study_summaries(storage.rdb)
    entered = {study.study_name: study.user_attrs.get(ENTERED) for study in studies}
    for summary in sorted(folder.glob(f"*/{SUMMARY}")):
        sweep = summary.parent
        cfg = read_multirun(sweep)
        if cfg is None:
            continue
        searched, sweeper, report = is_searched(cfg), cfg["hydra"]["sweeper"], write.place([sweep])
        name = (searched and sweeper.get("study_name")) or sweep.name
        elsewhere = bool(searched and sweeper.get("storage"))
        newest = max(file.stat().st_mtime_ns for file in (summary, *report.glob("*.png")))
        if elsewhere == (url is None) or (elsewhere and name not in entered) or entered.get(name) == newest:
            continue
        try:
            publish(analysis.read([sweep]), sweep, report, storage_url, name, resume_command(cfg, sweep.name), newest)
        except UsageError as error:
            faults.append(f"not in the dashboard: {error.faults[0]}")
    return faults


@contextmanager
def _open(url: str) -> Iterator[BulkStorage]:
    with closing(BulkStorage(url)) as storage, storage.errors(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of these functions of Optuna are experimental
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        yield storage


def publish(found: Findings, sweep: Path, report: Path, url: str, name: str, command: str, newest: int = 0) -> None:
    """Enter the sweep into the storage at `url`, as the study `name`. newest: the time of the newest file of its
    results. Raises StorageError."""
    from optuna_dashboard import save_note  # late, because it takes a second

    with _open(url) as storage:
        study = _study(found, storage, name)
        note = [*map(markdown_text, found.paragraphs), markdown_code(command), "Records and report:"]
        save_note(study, "\n\n".join([*note, markdown_code(str(sweep))]))
        _upload(study, report, sweep.parent / ARTIFACTS)
        study.set_user_attr(ENTERED, newest)


def _study(found: Findings, storage: BulkStorage, name: str) -> Study:
    """The study of a search as it is, or the study of a grid, rebuilt unless it is made of these records."""
    studies = {study.study_name: study for study in optuna.get_all_study_summaries(storage.rdb)}
    own = name in studies and MADE_OF not in studies[name].user_attrs
    if own and studies[name].n_trials:  # one without trials: a kill has come before its mark
        return optuna.load_study(study_name=name, storage=storage.rdb)
    records = blake2b(found.runs.frame.to_csv().encode(), digest_size=8).hexdigest()
    if name in studies and studies[name].user_attrs.get(MADE_OF) == records:
        return optuna.load_study(study_name=name, storage=storage.rdb)
    if name in studies:
        optuna.delete_study(study_name=name, storage=storage.rdb)
    study = storage.study(name, [found.runs.measure.direction], [found.runs.measure.val])
    study.set_user_attr(MADE_OF, "")  # as long as trials are missing
    trials = _trials(found)
    storage.begin(storage.study_id(name), trials, limit=len(trials))
    study.set_user_attr(MADE_OF, records)
    return study


def _trials(found: Findings) -> list[FrozenTrial]:
    """A trial per configuration: the mean over its seeds of the metric on validation, and the mean curve."""
    runs, trials, metric = found.runs, rebuilt_study.trials(found.runs, found.table), found.runs.measure.val
    for trial, (configuration, row) in zip(trials, found.table.iterrows(), strict=True):
        finished = [record for record in runs.records_of(configuration) if record["status"] == "finished"]
        done = [record for record in finished if record["metrics"][metric] is not None]
        by_seed = {str(record["config"]["seed"]): record["metrics"][metric] for record in done}
        trial.set_user_attr(POINT, label(row, runs.swept))
        trial.set_user_attr("seeds", by_seed)
        trial.set_user_attr("folders", list(runs.frame.folder[runs.frame.configuration == configuration]))
        if len(by_seed) > 1:
            trial.set_user_attr("std", statistics.stdev(by_seed.values()))
        curves = zip(*(record["history"][metric] for record in done), strict=False)
        known = {epoch: values for epoch, values in enumerate(curves, start=1) if None not in values}
        trial.intermediate_values = {epoch: statistics.fmean(values) for epoch, values in known.items()}
        trial.datetime_start, trial.datetime_complete = _times(found, configuration)
    return trials


def _times(found: Findings, configuration: int) -> tuple[datetime, datetime]:
    """The start and the end of the runs of a configuration. A record is written when its run has ended; what it tells
    of the start is the run's share of the time in training."""
    runs, sweep = found.runs.frame[found.runs.frame.configuration == configuration], found.sweeps[0]
    ends = [(sweep / folder / FILE).stat().st_mtime for folder in runs.folder]
    starts = [end - seconds for end, seconds in zip(ends, runs.seconds.fillna(0), strict=True)]
    return datetime.fromtimestamp(min(starts)), datetime.fromtimestamp(max(ends))


def _upload(study: Study, report: Path, folder: Path) -> None:
    """Upload the figures that ``--figures`` has written. A figure takes the place of an earlier one of its name."""
    pictures = sorted(report.glob("*.png"))
    if not pictures:
        return
    folder.mkdir(exist_ok=True)
    store, known = FileSystemArtifactStore(folder), {meta.filename: meta for meta in get_all_artifact_meta(study)}
    for picture in pictures:
        if picture.name in known and re.fullmatch(r"[\w-]+", known[picture.name].artifact_id):  # no path elsewhere
            write_whole(folder / known[picture.name].artifact_id, picture.read_bytes())
        else:
            upload_artifact(artifact_store=store, file_path=str(picture), study_or_trial=study)
