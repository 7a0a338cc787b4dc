"""The files of the winner at the end of a sweep: its weights stay alone, and its predictions are written."""

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from hpsearch.cli.winner import Winner, again_command, has_weights, is_net, seeds_of, winners
from hpsearch.errors import UsageError, write_errors
from hpsearch.record.predictions import FILE as PREDICTIONS
from hpsearch.record.shape import Record
from hpsearch.report.findings import Findings


def finish(found: Findings, keep: str, files: str | None, final: bool) -> None:
    """Remove the weights that are not the winner's, and write the winner's predictions of the test rows.

    keep: the value of ``weights=``. files: the name of Hydra's folder in that of a run. final: False if the sweep was
    interrupted, so that others may still win.
    """
    listed = winners(found) if keep != "none" else []
    if keep == "winner" and final:
        _remove_others(found, listed)
    for winner in listed:
        folder, record = winner.runs[0]
        if not is_net(record):
            continue
        missing = [one for place, one in winner.runs if not has_weights(place)]
        if missing:
            again = again_command(folder, missing)
            print(f"no weights of the winner's seed={seeds_of(missing)}; to train it again: {again}")
        if has_weights(folder):
            try:
                _predict(folder, record, files)
            except UsageError as error:
                print(f"no predictions of the winner: {error.faults[0]}")


def _remove_others(found: Findings, listed: list[Winner]) -> None:
    """Remove the files of configurations that have lost. One with a failed run may still win when that is repeated."""
    from hpsearch.task import weights

    frame, sweeps = found.runs.frame, {sweep.name: sweep for sweep in found.sweeps}
    kept = {folder for winner in listed for folder, _ in winner.runs}
    failed = set(frame.configuration[frame.status == "failed"])
    judged = frame[frame.data_set.isin([winner.data for winner in listed]) & (frame.status == "finished")]
    for configuration, sweep, name in zip(judged.configuration, judged.sweep, judged.folder, strict=True):
        folder = sweeps[sweep] / name
        if folder not in kept and configuration not in failed and has_weights(folder):
            weights.remove(folder)
    shown = {winner.runs[0][0] for winner in listed}
    for sweep, name in zip(judged.sweep, judged.folder, strict=True):
        if sweeps[sweep] / name not in shown:
            (sweeps[sweep] / name / PREDICTIONS).unlink(missing_ok=True)


def _predict(folder: Path, record: Record, files: str | None) -> None:
    """Write a run's predictions, unless they are there. Raises UsageError if its data is not there any more."""
    import torch

    from hpsearch.task import tested
    from hpsearch.task.load import net_of
    from hpsearch.task.weights import WEIGHTS

    there, weights = folder / PREDICTIONS, folder / WEIGHTS
    if there.exists() and there.stat().st_mtime_ns >= weights.stat().st_mtime_ns:
        return
    config = folder / (files or "") / "config.yaml"
    if files is None or not config.exists():
        raise UsageError([f"{config}: no such file, which names the data"])
    cfg = OmegaConf.load(config)
    assert isinstance(cfg, DictConfig)
    data = tested.DataOfRun(cfg, record["key"])
    net, device = net_of(folder, record), torch.device(record["environment"]["device"])
    if device.type == "cpu" or torch.cuda.is_available():
        net.to(device)  # of the run, because another one rounds in another way
    with write_errors(folder):
        tested.predictions(net, data).write(folder)
