import hashlib
import os
import random
import time
from pathlib import Path

import pytest

from ntkbench.datasets.sources.download import Policy, download
from ntkbench.datasets.sources.source import SourceError
from ntkbench.errors import SystemFault

CONTENT = random.Random(1).randbytes(200_000)
OTHER = random.Random(2).randbytes(200_000)
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def get(server, impatient: Policy, tmp_path: Path):
    """Download what the server has to `tmp_path`/file; the calls of the progress callback are returned."""
    server.content = CONTENT

    def call(url: str = server.url, *, digest: str = MD5, policy: Policy = impatient) -> list:
        told: list = []
        download(url, tmp_path / "file", digest=digest, progress=lambda *a: told.append(a), policy=policy)
        return told

    return call


def whole(folder: Path) -> bool:
    """The file is there, and nothing beside it."""
    return sorted(p.name for p in folder.iterdir()) == ["file"] and (folder / "file").read_bytes() == CONTENT


def nothing(folder: Path) -> bool:
    return not list(folder.iterdir())


@pytest.mark.parametrize("digest", [MD5, SHA256], ids=["md5", "sha256"])
def test_a_download_is_whole_and_leaves_nothing_beside_it(server, get, tmp_path, digest):
    told = get(digest=digest)
    assert whole(tmp_path)
    assert server.ranges == [None]
    assert {what for what, _, _ in told} == {"downloading file from 127.0.0.1"}
    done = [d for _, d, _ in told]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, len(CONTENT))
    assert {total for _, _, total in told} == {len(CONTENT)}


def test_a_file_that_is_there_is_not_asked_for(server, get, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    get()
    assert server.ranges == []


def test_a_file_that_is_there_and_damaged_is_replaced(server, get, tmp_path):
    (tmp_path / "file").write_bytes(OTHER)
    get()
    assert whole(tmp_path)


def test_the_server_is_asked_for_the_file_as_it_is(server, get):
    get()
    assert server.headers[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("cut", [20_000, 100_000, 199_999])
def test_a_truncated_download_resumes_where_it_stopped(server, get, tmp_path, cut):
    server.next(cut=cut)
    told = get()
    assert whole(tmp_path)
    first, second = server.ranges
    start = int(second.removeprefix("bytes=").removesuffix("-"))
    # What came is kept but for a part of the last chunk.
    assert first is None
    assert cut - 2**14 < start <= cut
    assert {total for _, _, total in told} == {len(CONTENT)}


def test_many_small_pieces_make_a_whole(server, get, tmp_path):
    for _ in range(9):
        server.next(cut=20_000)
    get()
    assert whole(tmp_path)
    assert len(server.ranges) == 10


def test_it_gives_up_after_so_many_requests_and_keeps_what_has_come(server, get, tmp_path):
    server.always(cut=20_000)
    with pytest.raises(SourceError):
        get(policy=Policy(backoff=0.0, requests=3))
    assert len(server.ranges) == 3
    kept = (tmp_path / "file.part").read_bytes()
    assert len(kept) >= 3 * 2**14
    assert CONTENT.startswith(kept)


def test_a_truncation_without_a_stated_length_is_found_by_the_hash(server, get, tmp_path):
    server.next(cut=100_000, sized=False)
    told = get()
    assert whole(tmp_path)
    assert server.ranges == [None, None]
    assert {total for _, _, total in told} == {None, len(CONTENT)}


def test_what_a_killed_process_left_is_taken_up(server, get, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT[:123_456])
    told = get()
    assert whole(tmp_path)
    assert server.ranges == ["bytes=123456-"]
    assert told[0][1:] == (123_456, len(CONTENT))


def test_an_interrupt_keeps_what_has_come(server, get, tmp_path, impatient):
    def interrupt(what: str, done: int, total: int | None) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(server.url, tmp_path / "file", digest=MD5, progress=interrupt, policy=impatient)
    kept = len((tmp_path / "file.part").read_bytes())
    assert kept > 100_000
    get()
    assert server.ranges == [None, f"bytes={kept}-"]
    assert whole(tmp_path)


def test_a_server_that_ignores_range_sends_all_again(server, get, tmp_path):
    (tmp_path / "file.part").write_bytes(OTHER[:50_000])
    server.always(ranges=False)
    get()
    assert whole(tmp_path)
    assert server.ranges == ["bytes=50000-"]


def test_a_server_that_ignores_range_and_always_breaks_off_is_given_up(server, get):
    server.always(ranges=False, cut=100_000)
    with pytest.raises(SourceError):
        get()
    assert len(server.ranges) == 3


def test_a_part_that_is_whole_already_gives_416_and_is_the_file(server, get, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT)
    get()
    assert whole(tmp_path)
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


def test_a_part_longer_than_the_file_gives_416_and_is_fetched_anew(server, get, tmp_path):
    (tmp_path / "file.part").write_bytes(OTHER + OTHER)
    get()
    assert whole(tmp_path)
    assert server.ranges == [f"bytes={2 * len(OTHER)}-", None]


def test_416_for_the_whole_file_is_a_failure(server, get, tmp_path):
    server.always(status=416)
    with pytest.raises(SourceError, match=r"^HTTP 416 "):
        get()
    assert nothing(tmp_path)


def test_the_part_of_another_file_is_deleted_and_fetched_anew(server, get, tmp_path):
    (tmp_path / "file.part").write_bytes(OTHER[:100_000])
    get()
    assert whole(tmp_path)
    assert server.ranges == ["bytes=100000-", None]


def test_corrupted_content_is_asked_for_once_more(server, get, tmp_path):
    server.next(content=OTHER)
    get()
    assert whole(tmp_path)
    assert server.ranges == [None, None]


def test_content_corrupted_twice_is_a_failure_and_leaves_nothing(server, get, tmp_path):
    server.always(content=OTHER)
    with pytest.raises(SourceError) as caught:
        get()
    assert str(caught.value) == f"the file has md5:{hashlib.md5(OTHER).hexdigest()}, not {MD5}"
    assert server.ranges == [None, None]
    assert nothing(tmp_path)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_final(server, get, tmp_path, status):
    server.always(status=status)
    with pytest.raises(SourceError, match=f"^HTTP {status} "):
        get()
    assert len(server.ranges) == 1
    assert nothing(tmp_path)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(server, get, tmp_path, status):
    server.next(status=status)
    get()
    assert whole(tmp_path)
    assert len(server.ranges) == 2


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_stays_busy_is_given_up(server, get, tmp_path, status):
    server.always(status=status)
    with pytest.raises(SourceError, match=f"^HTTP {status} "):
        get(policy=Policy(backoff=0.0, idle_attempts=4))
    assert len(server.ranges) == 4
    assert nothing(tmp_path)


def test_an_unreachable_port_is_a_failure_in_a_few_words(get, closed_port, tmp_path):
    with pytest.raises(SourceError, match=r"^Connection refused$"):
        get(f"http://127.0.0.1:{closed_port}/file")
    assert nothing(tmp_path)


@pytest.mark.parametrize("cut", [0, 100_000])
def test_a_server_that_falls_silent_is_timed_out(server, get, tmp_path, cut):
    server.always(cut=cut, hang=True)
    with pytest.raises(SourceError, match="timed out"):
        get(policy=Policy(read_timeout=0.1, backoff=0.0, idle_attempts=1, requests=1))
    assert not (tmp_path / "file").exists()


def test_after_a_silence_the_download_resumes(server, get, tmp_path):
    server.next(cut=100_000, hang=True)
    get(policy=Policy(read_timeout=0.5, backoff=0.0))
    assert whole(tmp_path)
    assert server.ranges[1].startswith("bytes=")


def test_a_slow_server_is_waited_for(server, get, tmp_path):
    # 7 pieces, each well within the timeout, together beyond it.
    server.always(gap=0.2)
    began = time.monotonic()
    get(policy=Policy(read_timeout=1.0, idle_attempts=1, requests=1))
    assert time.monotonic() - began > 1.0
    assert whole(tmp_path)
    assert len(server.ranges) == 1


def test_the_waits_between_requests_grow_while_nothing_comes(server, get, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    server.always(status=500)
    with pytest.raises(SourceError):
        get(policy=Policy(backoff=0.5, idle_attempts=4))
    assert waits == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    "url",
    ["nothing", "http://", "http://[", "http:///file", "ftp://host/file", f"http://{'a' * 70}.org/", "http://h:99999/"],
)
def test_an_address_that_is_none_is_a_failure_of_the_source(get, url):
    with pytest.raises(SourceError):
        get(url)


def test_a_certificate_file_that_is_missing_is_a_failure_of_the_source(get, closed_port, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", os.devnull + "/none.pem")
    with pytest.raises(SourceError, match=r"none\.pem"):
        get(f"https://127.0.0.1:{closed_port}/file")


@pytest.mark.parametrize("place", ["folder", "folder/sub"])
def test_a_folder_that_cannot_be_written_is_bad_input(server, impatient, tmp_path, place):
    (tmp_path / "folder").write_text("a file")
    server.content = CONTENT
    with pytest.raises(SystemFault, match=r"^cannot write to .*; make room or set NTKBENCH_CACHE"):
        download(server.url, tmp_path / place / "x", digest=MD5, progress=lambda *_: None, policy=impatient)


def test_a_full_disk_is_bad_input_and_the_download_resumes_when_there_is_room(server, get, tmp_path, full_after):
    with full_after(100_000), pytest.raises(SystemFault, match=r"^cannot write to .*; make room or set NTKBENCH_CACHE"):
        get()
    assert [p.name for p in tmp_path.iterdir()] == ["file.part"]
    get()
    assert whole(tmp_path)
    assert server.ranges == [None, "bytes=100000-"]


def test_a_password_in_the_address_is_not_shown(server, get):
    told = get(server.url.replace("http://", "http://someone:secret@"))
    assert "secret" not in str(told)
