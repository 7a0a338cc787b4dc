"""Find, verify, download and unpack the archives of the MNIST family, through torchvision.

A broken archive is an error if the user provided it. If hpsearch downloaded it, according to the list `OURS` beside the
archives, it is downloaded again.

Long, because each state of the files has its own answer.
"""

import gzip
import hashlib
import math
import shutil
import struct
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import torch
from filelock import FileLock

from hpsearch.errors import UsageError
from hpsearch.record.file import read_plain

OURS = "downloaded-by-hpsearch.txt"
UNPACKED = {  # SHA-256 of the unpacked files; torchvision has the MD5 of the archives
    "FashionMNIST": {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    "MNIST": {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
}
CLASSES = {
    "FashionMNIST": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "MNIST": tuple("0123456789"),
}


def torchvision_datasets() -> ModuleType:
    """`torchvision.datasets`, also with a CPU build of torch. The import takes up to four seconds.

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

    Images are [n, 28, 28] uint8, labels [n] int64. Raises UsageError if a file is not the official one.
    """
    folder = root / name / "raw"
    try:
        if not all(unpacked(folder / file) for file in UNPACKED[name]):
            dataset = getattr(torchvision_datasets(), name)
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / ".lock"):
                _provide(dataset, folder)
        x, y, x_test, y_test = (_verified(folder / file, sha256) for file, sha256 in UNPACKED[name].items())
    except OSError as error:
        fault = (
            f"data.root={root}: cannot be written ({error.strerror or error}); set data.root=… or $HPSEARCH_DATA to a "
            "folder that can, or use data=digits, which needs no download"
        )
        raise UsageError([fault]) from error
    return x, y.long(), x_test, y_test.long()


def _verified(file: Path, sha256: str) -> torch.Tensor:
    """The array in an idx file. Raises UsageError unless it is the official one: nothing else is read."""
    content = read_plain(file)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UsageError([f"{file}: not the official file (its SHA-256 is not {sha256}); delete it and run again"])
    axes = content[3]
    shape = struct.unpack_from(f">{axes}I", content, 4)
    return torch.frombuffer(bytearray(content[4 + 4 * axes :]), dtype=torch.uint8).reshape(shape)


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
