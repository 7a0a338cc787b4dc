"""Archives are found, verified, fetched and unpacked, against a server on loopback."""

import gzip
import hashlib
import struct
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from hpsearch.components.data import mnist_archives
from hpsearch.components.data.mnist_archives import OURS
from hpsearch.errors import UsageError

NAMES = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A mirror with a small MNIST of 20 + 10 images; yields the folder that it serves."""
    served = tmp_path / "served"
    served.mkdir()
    resources, unpacked = [], {}
    for name in NAMES:
        n = 20 if name.startswith("train") else 10
        shape = (n, 28, 28) if "images" in name else (n,)
        values = np.arange(np.prod(shape)) % 10
        raw = struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape) + values.astype(np.uint8).tobytes()
        (served / name).write_bytes(gzip.compress(raw))
        unpacked[name.removesuffix(".gz")] = hashlib.sha256(raw).hexdigest()
        resources.append((name, hashlib.md5((served / name).read_bytes()).hexdigest()))
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(served)))
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    mnist = mnist_archives.torchvision_datasets().MNIST
    monkeypatch.setattr(mnist, "resources", resources)
    monkeypatch.setitem(mnist_archives.UNPACKED, "MNIST", unpacked)
    monkeypatch.setattr(mnist, "mirrors", [f"http://127.0.0.1:{httpd.server_port}/"])
    yield served
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def raw(root: Path) -> Path:
    return root / "MNIST" / "raw"


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_files_and_classes_are_torchvisions(name: str) -> None:
    dataset = getattr(mnist_archives.torchvision_datasets(), name)
    assert [f"{file}.gz" for file in mnist_archives.UNPACKED[name]] == [archive for archive, _ in dataset.resources]
    assert mnist_archives.CLASSES[name] == tuple(label.partition(" - ")[0] for label in dataset.classes)


def test_a_missing_set_is_downloaded_once_verified_and_unpacked(server: Path, tmp_path: Path) -> None:
    x, y, x_test, y_test = mnist_archives.load("MNIST", tmp_path / "data")
    assert (x.shape, y.shape, x_test.shape, y_test.shape) == ((20, 28, 28), (20,), (10, 28, 28), (10,))
    for path in server.iterdir():
        path.unlink()  # the second time needs no server
    assert (mnist_archives.load("MNIST", tmp_path / "data")[0] == x).all()


def test_archives_that_the_user_put_there_are_used(server: Path, tmp_path: Path) -> None:
    raw(tmp_path).mkdir(parents=True)
    for name in NAMES:
        (server / name).rename(raw(tmp_path) / name)
    assert len(mnist_archives.load("MNIST", tmp_path)[1]) == 20
    assert not (raw(tmp_path) / OURS).exists()


def test_a_broken_archive_of_the_user_is_named_and_left_alone(server: Path, tmp_path: Path) -> None:
    raw(tmp_path).mkdir(parents=True)
    broken = raw(tmp_path) / NAMES[0]
    broken.write_bytes((server / NAMES[0]).read_bytes()[:50])
    with pytest.raises(UsageError, match=f"^{broken}: not the official archive .* truncated; delete or replace it"):
        mnist_archives.load("MNIST", tmp_path)
    assert len(broken.read_bytes()) == 50


def test_a_broken_download_of_ours_is_fetched_again(server: Path, tmp_path: Path) -> None:
    raw(tmp_path).mkdir(parents=True)
    (raw(tmp_path) / NAMES[0]).write_bytes(b"half of it")
    (raw(tmp_path) / OURS).write_text(f"{NAMES[0]}\n")
    assert len(mnist_archives.load("MNIST", tmp_path)[1]) == 20


def test_a_half_unpacked_file_is_unpacked_again(server: Path, tmp_path: Path) -> None:
    mnist_archives.load("MNIST", tmp_path)
    unpacked = raw(tmp_path) / NAMES[0].removesuffix(".gz")
    whole = unpacked.read_bytes()
    unpacked.write_bytes(whole[:100])
    mnist_archives.load("MNIST", tmp_path)
    assert unpacked.read_bytes() == whole


@pytest.mark.parametrize("name", NAMES)
def test_an_unpacked_file_of_the_right_length_is_verified(server: Path, tmp_path: Path, name: str) -> None:
    mnist_archives.load("MNIST", tmp_path)
    unpacked = raw(tmp_path) / name.removesuffix(".gz")
    other = bytearray(unpacked.read_bytes())
    other[-1] ^= 1
    unpacked.write_bytes(other)
    with pytest.raises(UsageError, match=f"^{unpacked}: not the official file .* delete it and run again"):
        mnist_archives.load("MNIST", tmp_path)


def test_only_verified_files_are_read(server: Path, tmp_path: Path) -> None:
    """Old versions of torchvision kept tensors as pickles beside the archives."""
    x = mnist_archives.load("MNIST", tmp_path)[0]
    processed = tmp_path / "MNIST" / "processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(20, 28, 28), torch.zeros(20)), processed / name)
    assert torch.equal(mnist_archives.load("MNIST", tmp_path)[0], x)


@pytest.mark.parametrize("content", [b"", b"another file"])
def test_a_server_that_sends_something_else_is_refused(server: Path, tmp_path: Path, content: bytes) -> None:
    (server / NAMES[2]).write_bytes(content)
    with pytest.raises(UsageError, match="could not be downloaded from .*127.0.0.1"):
        mnist_archives.load("MNIST", tmp_path)
    assert not (raw(tmp_path) / NAMES[2]).exists()


def test_without_a_network_the_message_says_where_it_looked_and_what_needs_no_download(
    server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist_archives.torchvision_datasets().MNIST, "mirrors", ["http://127.0.0.1:9/"])
    root = tmp_path / "new" / "data"
    with pytest.raises(UsageError, match=f"{NAMES[0]} is not in {raw(root)} .*Connection refused.*data=digits"):
        mnist_archives.load("MNIST", root)
    assert not root.exists()


def test_a_root_that_cannot_be_written_is_named(server: Path) -> None:
    with pytest.raises(UsageError, match="^data.root=/proc/no: cannot be written .*data=digits"):
        mnist_archives.load("MNIST", Path("/proc/no"))
