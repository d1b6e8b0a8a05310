"""For the data sets: a web server that misbehaves on request, small archives in both formats, a stand-in for npm."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import tarfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ntkbench.datasets.collection import Table
from ntkbench.datasets.dataset import Arrays, Dataset, Hashes, array_sha256
from ntkbench.datasets.sources.download import Policy

BATCHES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach this machine's own ports without a proxy."""
    elsewhere = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, f"{elsewhere},127.0.0.1" if elsewhere else "127.0.0.1")
    for name in ("NTKBENCH_CIFAR10_URL", "NTKBENCH_MNIST_URL", "NTKBENCH_UCI90_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def impatient() -> Policy:
    """The usual policy without its waits."""
    return Policy(connect_timeout=5.0, read_timeout=5.0, backoff=0.0)


class Server:
    """One file on a local port, and in `folder` the `files` by name. `next(...)` says how the next request is answered,
    `always(...)` all others.

    status: this status and no file. content: another file. cut: close the connection, or with `hang` leave it open,
    after so many bytes of the body. ranges: honour Range. sized: send Content-Length. gap: seconds between pieces.
    """

    def __init__(self) -> None:
        self.content = b""
        self.files: Mapping[str, bytes] = {}
        self.ranges: list[str | None] = []  # the Range header of each request so far
        self.headers: list[Mapping[str, str]] = []
        self.release = threading.Event()
        self._next: deque[dict[str, object]] = deque()
        self._always: dict[str, object] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.headers.append(dict(self.headers))
                server.ranges.append(self.headers.get("Range"))
                how = server._next.popleft() if server._next else server._always
                with suppress(ConnectionError):  # the client has gone
                    server._answer(self, **how)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/files/archive.tar.gz"
        self.folder = f"http://127.0.0.1:{self._http.server_port}/folder/"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def next(self, **how: object) -> None:
        self._next.append(how)

    def always(self, **how: object) -> None:
        self._always = how

    def close(self) -> None:
        self.release.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _answer(
        self,
        request: BaseHTTPRequestHandler,
        status: int | None = None,
        content: bytes | None = None,
        cut: int | None = None,
        hang: bool = False,
        ranges: bool = True,
        sized: bool = True,
        gap: float = 0.0,
    ) -> None:
        if status is not None:
            request.send_error(status)
            return
        whole = self.content if content is None else content
        _, _, name = request.path.partition("/folder/")
        if name and content is None:
            if name not in self.files:
                request.send_error(404)
                return
            whole = self.files[name]
        asked = request.headers.get("Range") if ranges else None
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if start and start >= len(whole):
            request.send_error(416)
            return
        body = whole[start:]
        request.send_response(206 if asked else 200)
        if sized:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        sent = body[:cut]
        for first in range(0, len(sent), 2**15):
            request.wfile.write(sent[first : first + 2**15])
            self.release.wait(gap)
        if hang:
            request.wfile.flush()
            self.release.wait(30)


@pytest.fixture
def server() -> Iterator[Server]:
    """A `Server`, to be given its content."""
    running = Server()
    yield running
    running.close()


@pytest.fixture
def images() -> Arrays:
    """In the form of CIFAR-10: three random images in each of five training batches, four for testing."""
    rng = np.random.default_rng(5)

    def some(n: int) -> tuple[np.ndarray, np.ndarray]:
        return rng.integers(0, 256, (n, 32, 32, 3), np.uint8), rng.integers(0, 10, n, np.uint8)

    (x_train, y_train), (x_test, y_test) = some(15), some(4)
    return Arrays(x_train, y_train, x_test, y_test)


@pytest.fixture
def pinned() -> Callable[[Arrays], Dataset]:
    """Make the `Dataset` that pins given arrays."""

    def make(arrays: Arrays) -> Dataset:
        hashes = {name: array_sha256(getattr(arrays, name)) for name in ("x_train", "y_train", "x_test", "y_test")}
        return Dataset(
            name="small",
            version="1",
            title="Small",
            licence="none",
            hashes=Hashes(**hashes),
            image_shape=arrays.x_train.shape[1:],
            n_train=len(arrays.x_train),
            n_test=len(arrays.x_test),
            n_classes=10,
            sources=("a test",),
            needs_network=True,
        )

    return make


def _batches(arrays: Arrays) -> list[tuple[str, np.ndarray, np.ndarray]]:
    parts = zip(np.split(arrays.x_train, 5), np.split(arrays.y_train, 5), strict=True)
    return [(name, x, y) for name, (x, y) in zip(BATCHES, [*parts, (arrays.x_test, arrays.y_test)], strict=True)]


@pytest.fixture
def binary_files() -> Callable[[Arrays], dict[str, bytes]]:
    """The members of the official archive: records of a label and three colour planes."""

    def make(arrays: Arrays) -> dict[str, bytes]:
        files = {"readme.html": b"<html>", "batches.meta.txt": b"airplane\n"}
        for name, x, y in _batches(arrays):
            files[f"{name}.bin"] = b"".join(
                bytes([label]) + b"".join(image[:, :, c].tobytes() for c in range(3))
                for image, label in zip(x, y, strict=True)
            )
        return files

    return make


@pytest.fixture
def png_files() -> Callable[[Arrays], dict[str, bytes]]:
    """The members of the npm package: PNGs in which a row is an image, and lists of labels."""

    def make(arrays: Arrays) -> dict[str, bytes]:
        files = {"package.json": b"{}"}
        for name, x, _ in _batches(arrays):
            buffer = io.BytesIO()
            Image.fromarray(x.reshape(len(x), 1024, 3)).save(buffer, "PNG")
            files[f"{name}.png"] = buffer.getvalue()
        files["train_lables.json"] = json.dumps(arrays.y_train.tolist()).encode()
        files["test_lables.json"] = json.dumps(arrays.y_test.tolist()).encode()
        return files

    return make


@pytest.fixture
def packed() -> Callable[[Mapping[str, bytes]], bytes]:
    """Pack files into a .tar.gz, in a folder as the real archives are."""

    def make(files: Mapping[str, bytes]) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(f"folder/{name}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return gzip.compress(buffer.getvalue(), compresslevel=1)

    return make


@pytest.fixture
def delgado_tables() -> dict[str, Table]:
    """Two random sets with their splits, in numbers of six digits as the published ones."""

    def some(n: int, d: int, seed: int) -> Table:
        rng = np.random.default_rng(seed)
        test = np.zeros((4, n), np.uint8)
        for split in test:
            split[rng.permutation(n)[: n // 4]] = 1
        x = rng.integers(-2_000_000, 2_000_000, (n, d)) / 1_000_000
        validation = (rng.permutation(n) < n // 2).astype(np.uint8)
        return Table(x.astype(np.float32), (np.arange(n) % 3).astype(np.int16), test, validation)

    return {"first": some(9, 3, 0), "second-set": some(14, 2, 1)}


@pytest.fixture
def delgado_files(delgado_tables) -> dict[str, bytes]:
    """The members of the archive that publishes them, with others of the real one's kinds."""
    files = {
        "first/first.cost": b"0 1",
        "first/le_datos.m": b"% le os datos",
        "first/older/first.txt": b"fich1= other_R.dat",
        "first/older/conxuntos.dat": b"0",
        "first/notes.txt": "descrición".encode("latin-1"),
        "another/another.txt": b"fich1= another_R.dat",
    }
    for name, t in delgado_tables.items():
        n, d = t.x.shape
        head = f"n_entradas= {d}\nn_clases= 3\nn_arquivos= 1\nfich1= {name}_R.dat\nn_patrons1= {n}\n"
        rows = ["".join(f"\tf{j + 1}" for j in range(d)) + "\tclase"]
        for i in range(n):
            rows.append("\t".join([str(i + 1), *(f"{v:.6f}" for v in t.x[i]), str(t.labels[i])]))
        pairs = [" ".join(map(str, half)) + " \n" for pair in t.splits() for half in pair]
        files[f"{name}/{name}.txt"] = head.encode()
        files[f"{name}/{name}_R.dat"] = ("\n".join(rows) + "\n").encode()
        files[f"{name}/conxuntos.dat"] = "".join(" ".join(map(str, half)) + " \n" for half in t.tuning()).encode()
        files[f"{name}/conxuntos_kfold.dat"] = "".join(pairs).encode()
    return files


@pytest.fixture
def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a shell script in the place of npm; it runs in the folder where the archive shall be."""

    def make(script: str) -> None:
        program = tmp_path / "bin" / "npm"
        program.parent.mkdir(exist_ok=True)
        program.write_text(script if script.startswith("#!") else f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}/usr/bin{os.pathsep}/bin")

    return make


@pytest.fixture
def no_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without npm."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
