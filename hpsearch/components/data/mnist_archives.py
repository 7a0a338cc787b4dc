"""Find, verify, download and unpack the archives of the MNIST family, through torchvision.

A broken archive is an error if the user provided it. If hpsearch downloaded it, according to the list `OURS` beside the
archives, it is downloaded again.
"""

import gzip
import math
import shutil
import struct
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import torch
from filelock import FileLock

from hpsearch.errors import UsageError

OURS = "downloaded-by-hpsearch.txt"


def torchvision_datasets() -> ModuleType:
    """`torchvision.datasets`, also with a CPU build of torch.

    torchvision's wheels are compiled against the CUDA build of torch. With another build its operators are missing and
    ``import torchvision`` fails with "operator torchvision::nms does not exist", although the data sets use none of
    them. The import succeeds once the schemas of the operators are declared.
    """
    try:
        from torchvision import datasets
    except RuntimeError as error:
        if "does not exist" not in str(error):
            raise
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        torchvision_datasets.library = library  # type: ignore[attr-defined]  # keeps the schemas alive
        from torchvision import datasets
    return datasets  # type: ignore[no-any-return]


def unpacked(path: Path) -> bool:
    """True if the idx file exists with the size that its header promises."""
    try:
        with path.open("rb") as file:
            _, _, kind, axes = struct.unpack("4B", file.read(4))
            shape = struct.unpack(f">{axes}I", file.read(4 * axes))
        size: int = 4 + 4 * axes + math.prod(shape)
        return kind == 8 and path.stat().st_size == size  # kind 8: bytes
    except (FileNotFoundError, struct.error):
        return False


def _unpack(archive: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    try:
        with gzip.open(archive) as source, part.open("wb") as sink:
            shutil.copyfileobj(source, sink)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def load(name: str, root: Path) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Training images and labels, test images and labels of `torchvision.datasets.<name>`.

    Images are [n, 28, 28] uint8, labels [n] int64. Raises UsageError if an archive is broken or out of reach.
    """
    dataset = getattr(torchvision_datasets(), name)
    folder = root / name / "raw"
    try:
        if not all(unpacked(folder / archive.removesuffix(".gz")) for archive, _ in dataset.resources):
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / ".lock"):
                _provide(dataset, folder)
        train, test = (dataset(root, train=part) for part in (True, False))
    except OSError as error:
        fault = (
            f"data.root={root}: cannot be written ({error.strerror or error}); set data.root=… or $HPSEARCH_DATA to a "
            "folder that can, or use data=digits, which needs no download"
        )
        raise UsageError([fault]) from error
    return train.data, train.targets, test.data, test.targets


def _leave_nothing(folder: Path) -> None:
    """Remove the folders that a failed first download has made."""
    if {path.name for path in folder.iterdir()} <= {OURS, ".lock"}:
        shutil.rmtree(folder)
        with suppress(OSError):  # not empty, because of other data sets
            folder.parent.rmdir()
            folder.parent.parent.rmdir()


def _provide(dataset: type, folder: Path) -> None:
    from torchvision.datasets.utils import check_integrity, download_url

    ours = folder / OURS
    for name, md5 in dataset.resources:  # type: ignore[attr-defined]
        archive, target = folder / name, folder / name.removesuffix(".gz")
        if unpacked(target):
            continue
        if archive.exists() and not check_integrity(archive, md5):
            if not ours.exists() or name not in ours.read_text().splitlines():
                fault = f"{archive}: not the official archive (its MD5 is not {md5}), perhaps truncated; "
                raise UsageError([f"{fault}delete or replace it and run again"])
            archive.unlink()
        if not archive.exists():
            with ours.open("a") as file:  # before the download, because a kill may leave half an archive
                file.write(f"{name}\n")
            failures = []
            for mirror in dataset.mirrors:  # type: ignore[attr-defined]
                try:
                    download_url(f"{mirror}{name}", folder, name, md5)
                    break
                except (OSError, RuntimeError) as error:  # no network, a refusal, or not the official file
                    archive.unlink(missing_ok=True)
                    if isinstance(error, OSError) and error.errno is not None:
                        raise  # an error of the disk: URLError has no errno
                    failures.append(f"{mirror} ({str(getattr(error, 'reason', error)).rstrip('.')})")
            else:
                _leave_nothing(folder)
                fault = (
                    f"data: {name} is not in {folder} and could not be downloaded from {' or '.join(failures)}; "
                    "put it there, set data.root=… or $HPSEARCH_DATA, or use data=digits, which needs no download"
                )
                raise UsageError([fault])
        _unpack(archive, target)
