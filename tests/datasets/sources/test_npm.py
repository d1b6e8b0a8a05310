from pathlib import Path

import numpy as np
import psutil
import pytest

from ntkbench.datasets.formats.cifar10 import read_png_rows
from ntkbench.datasets.sources.npm import NpmPackage
from ntkbench.datasets.sources.source import SourceError
from ntkbench.errors import SystemFault

PACKAGE = NpmPackage(spec="some-images@1.2.3", read=read_png_rows, timeout=20.0)


def build(scratch: Path, package: NpmPackage = PACKAGE):
    return package.build(scratch, lambda *_: None)


@pytest.fixture
def archive(tmp_path: Path, images, png_files, packed) -> Path:
    """The package's archive, for the stand-in to copy."""
    file = tmp_path / "some-images-1.2.3.tgz"
    file.write_bytes(packed(png_files(images)))
    return file


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_the_archive_that_npm_packs_is_read_and_removed(fake_npm, archive, scratch, images):
    fake_npm(f'cp "{archive}" .')
    np.testing.assert_array_equal(build(scratch).x_test, images.x_test)
    assert list(scratch.iterdir()) == []


def test_npm_is_asked_to_pack_the_package_and_to_run_nothing_of_it(fake_npm, archive, scratch, tmp_path):
    fake_npm(f'echo "$@" > "{tmp_path}/words"; cp "{archive}" "$4"')
    build(scratch)
    words = (tmp_path / "words").read_text().split()
    assert words[:3] == ["pack", "some-images@1.2.3", "--pack-destination"]
    assert Path(words[3]).parent == scratch
    assert "--ignore-scripts" in words


def test_what_a_killed_process_left_is_not_taken_for_the_archive(fake_npm, archive, scratch, images):
    (scratch / "npm").mkdir()
    (scratch / "npm" / "half.tgz").write_bytes(b"half")
    fake_npm(f'cp "{archive}" .')
    np.testing.assert_array_equal(build(scratch).x_test, images.x_test)


@pytest.mark.usefixtures("no_npm")
def test_without_npm_it_says_so(scratch):
    with pytest.raises(SourceError, match=r"^npm is not installed$"):
        build(scratch)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", "npm pack failed: exit status 3"),
        ("kill -9 $$", "npm pack failed: exit status -9"),
        (
            "echo 'npm error code E404' >&2; echo 'npm error 404 Not Found' >&2; echo 'npm error more' >&2; exit 1",
            "npm pack failed: code E404 404 Not Found",
        ),
        ("echo 'npm warn old' >&2; echo 'npm ERR! network' >&2; exit 1", "npm pack failed: network"),
        (r"printf 'npm error \377\n' >&2; exit 1", "npm pack failed: �"),
        ("true", "npm pack left 0 archives, not one"),
        ("echo > a.tgz; echo > b.tgz", "npm pack left 2 archives, not one"),
        ("#!/nonexistent/shell\n", "npm cannot be run (No such file or directory)"),
    ],
)
def test_a_failure_of_npm_gives_one_short_reason_and_leaves_nothing(fake_npm, scratch, script, reason):
    fake_npm(script)
    with pytest.raises(SourceError) as caught:
        build(scratch)
    assert str(caught.value) == reason
    assert list(scratch.iterdir()) == []


def test_a_long_story_of_npm_is_cut_short(fake_npm, scratch):
    fake_npm("echo npm error $(yes word | head -500) >&2; exit 1")
    with pytest.raises(SourceError) as caught:
        build(scratch)
    assert len(str(caught.value)) <= 230


def test_npm_that_takes_too_long_is_stopped(fake_npm, scratch, tmp_path):
    fake_npm(f'echo $$ > "{tmp_path}/pid"; exec sleep 60')
    with pytest.raises(SourceError, match=r"^npm pack took longer than 0\.5 s$"):
        build(scratch, NpmPackage(spec="some-images@1.2.3", read=read_png_rows, timeout=0.5))
    pid = tmp_path / "pid"
    assert not (pid.exists() and psutil.pid_exists(int(pid.read_text())))
    assert list(scratch.iterdir()) == []


def test_a_damaged_archive_is_a_failure_and_leaves_nothing(fake_npm, scratch):
    fake_npm("echo damaged > a.tgz")
    with pytest.raises(SourceError, match=r"^cannot read a\.tgz "):
        build(scratch)
    assert list(scratch.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_bad_input(fake_npm, tmp_path):
    fake_npm("true")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SystemFault, match=r"^cannot write to .*; make room or set NTKBENCH_CACHE"):
        build(tmp_path / "file")


def test_it_is_called_by_its_package_and_tells_that_it_fetches(fake_npm, archive, scratch):
    assert PACKAGE.label == "npm some-images@1.2.3"
    fake_npm(f'cp "{archive}" .')
    told: list = []
    PACKAGE.build(scratch, lambda *a: told.append(a))
    assert told[0] == ("fetching some-images@1.2.3 with npm", 0, None)
    assert told[1][0] == "unpacking some-images-1.2.3.tgz"
