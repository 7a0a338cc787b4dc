"""Event files for TensorBoard: a folder for each run, with its curves, its final numbers and a row of the HParams tab.

Seeds of a configuration are sessions of one group, so that HParams shows their mean.
"""

from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.plugins.text import metadata as metadata_of_text
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto

from hpsearch.formatting import inert
from hpsearch.trackers.options import TensorBoard
from hpsearch.trackers.run import TrackedRun
from hpsearch.trackers.tracker import shown

FILES = "events.out.tfevents.*"


class TensorBoardTracker:
    """A folder below `folder` for each run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.where = f"{shown(folder)} (tensorboard --logdir {shown(folder)})"

    def write(self, run: TrackedRun, configuration: int) -> None:
        folder = self._folder / run.name
        for earlier in folder.glob(FILES):
            earlier.unlink()
        writer = EventFileWriter(str(folder), max_queue_size=1000)
        try:
            started = _hparams(metadata.SESSION_START_INFO_TAG, session_start_info=_start(run, configuration))
            writer.add_event(Event(wall_time=run.started, summary=started))
            writer.add_event(Event(wall_time=run.started, summary=_text("run", _described(run, configuration))))
            for epoch, then, values in run.points():
                summary = Summary(value=[Summary.Value(tag=name, simple_value=v) for name, v in values.items()])
                writer.add_event(Event(wall_time=then, step=epoch, summary=summary))
            final = [Summary.Value(tag=f"final/{name}", simple_value=value) for name, value in run.metrics.items()]
            writer.add_event(Event(wall_time=run.ended, step=run.judged, summary=Summary(value=final)))
            ended = _hparams(metadata.SESSION_END_INFO_TAG, session_end_info=_end(run))
            writer.add_event(Event(wall_time=run.ended, summary=ended))
        finally:
            writer.close()

    def close(self) -> None:
        pass


def open_tracker(sweep: Path, sweep_id: str, options: TensorBoard) -> TensorBoardTracker:
    """The folder is made with the first run."""
    return TensorBoardTracker(options.folder_of(sweep))


def _start(run: TrackedRun, configuration: int) -> Any:
    info = plugin_data_pb2.SessionStartInfo(
        start_time_secs=run.started, group_name=f"{run.sweep}, configuration {configuration}"
    )
    for key, value in run.config.items():
        if key == "seed":  # a group has one value of each
            continue
        if isinstance(value, bool):
            info.hparams[key].bool_value = value
        elif isinstance(value, (int, float)):
            info.hparams[key].number_value = value
        else:
            info.hparams[key].string_value = str(value)
    return info


def _end(run: TrackedRun) -> Any:
    status = "STATUS_SUCCESS" if run.succeeded else "STATUS_FAILURE"
    return plugin_data_pb2.SessionEndInfo(end_time_secs=run.ended, status=api_pb2.Status.Value(status))


def _hparams(tag: str, **content: Any) -> Any:
    data = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(**content))
    return Summary(value=[Summary.Value(tag=tag, metadata=data, tensor=metadata.NULL_TENSOR)])


def _text(name: str, markdown: str) -> Any:
    data = metadata_of_text.create_summary_metadata(display_name=name, description="")
    value = Summary.Value(tag=f"{name}/text_summary", metadata=data, tensor=make_tensor_proto([markdown.encode()]))
    return Summary(value=[value])


def _described(run: TrackedRun, configuration: int) -> str:
    """The tags and the configuration as Markdown."""
    lines = {**run.tags(configuration), **run.config}
    return "\n".join(f"    {key}: {inert(str(value))}" for key, value in lines.items())
