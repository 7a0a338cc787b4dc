"""Reads the file of an offline run of Weights & Biases, for which the package has no public reader.

It has records of LevelDB's log format, which hold messages of the package's own protocol.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

BLOCK, HEADER = 32768, 7


def messages(file: Path) -> Iterator[Any]:
    """The messages in the order in which they were written."""
    data, at, parts = file.read_bytes(), 7, b""  # behind the file's own header
    while at + HEADER <= len(data):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + HEADER])
        parts += data[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (1, 4):  # whole, or the last part
            yield wandb_internal_pb2.Record.FromString(parts)
            parts = b""


def read(file: Path) -> tuple[Any, dict[str, Any], list[dict[str, Any]], dict[str, Any], int]:
    """The run, its configuration, its history, its summary and its exit code."""
    run: Any = None
    config: dict[str, Any] = {}
    history: list[dict[str, Any]] = []
    summary: dict[str, Any] = {}
    code = -1
    for message in messages(file):
        if message.WhichOneof("record_type") == "run":
            run = message.run
            config |= {item.key: json.loads(item.value_json) for item in message.run.config.update}
        elif message.HasField("history"):
            history.append({_key(item): json.loads(item.value_json) for item in message.history.item})
        elif message.HasField("summary"):
            summary |= {_key(item): json.loads(item.value_json) for item in message.summary.update}
        elif message.HasField("exit"):
            code = message.exit.exit_code
    return run, config, history, summary, code


def _key(item: Any) -> str:
    return str(item.key or ".".join(item.nested_key))
