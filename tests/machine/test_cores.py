"""The share of the cores that a process was given, and the name that its machine has then."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ntkbench.machine import cores, hardware
from ntkbench.machine.cores import cores_given, quota
from ntkbench.machine.installation import installation

SECOND = "30 23 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"
FIRST = (
    "31 23 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "32 23 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
)
DOCKER = "32 23 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n"


@pytest.mark.parametrize(
    ("groups", "mounts", "limits", "expected"),
    [
        ("0::/\n", SECOND, {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", SECOND, {"cpu.max": "max 100000\n"}, float("inf")),
        ("0::/\n", SECOND, {}, float("inf")),
        ("0::/a/b\n", SECOND, {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n"}, 2.0),
        ("0::/a/b\n", SECOND, {"a/b/cpu.max": "50000 100000\n", "a/cpu.max": "200000 100000\n"}, 0.5),
        ("0::/a\n", SECOND, {"cpu.max": "max 100000\n", "c/cpu.max": "50000 100000\n"}, float("inf")),
        (
            "3:cpuset:/a\n2:cpu,cpuacct:/a/b\n1:name=systemd:/\n",
            FIRST,
            {
                "cpu,cpuacct/a/b/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/a/b/cpu.cfs_period_us": "100000\n",
                "cpu,cpuacct/a/cpu.cfs_quota_us": "300000\n", "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
            },
            3.0,
        ),
        ("2:cpu:/docker/abc\n", DOCKER, {"cpu/cpu.cfs_quota_us": "1000\n", "cpu/cpu.cfs_period_us": "4000\n"}, 0.25),
        ("2:cpu:/docker/xyz\n", DOCKER, {"cpu/cpu.cfs_quota_us": "1000\n", "cpu/cpu.cfs_period_us": "4000\n"}, 0.25),
        ("what is this\n", "and this\n", {}, float("inf")),
    ],
)  # fmt: skip
def test_the_quota_is_the_least_of_those_of_the_groups_around_a_process(
    groups: str, mounts: str, limits: Mapping[str, str], expected: float, tmp_path: Path
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    (tmp_path / "proc/self/mountinfo").write_text(mounts)
    for name, text in limits.items():
        file = tmp_path / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert quota(tmp_path) == expected


def test_without_control_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert quota(tmp_path) == float("inf")


@pytest.mark.parametrize(
    ("bound", "allowed", "given"),
    [(4, float("inf"), ""), (4, 4.0, ""), (4, 9.0, ""), (1, float("inf"), "1"), (4, 1.5, "1.5"), (2, 3.0, "2")],
)
def test_what_is_given_is_said_where_it_is_less_than_the_whole(
    bound: int, allowed: float, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(cores, "_bound", lambda whole: bound)
    monkeypatch.setattr(cores, "quota", lambda root: allowed)
    assert cores_given.__wrapped__() == given


def test_a_share_is_another_machine_and_the_whole_has_the_name_that_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {}
    for given in ("", "1", "1.5"):
        monkeypatch.setattr(hardware, "cores_given", lambda given=given: given)
        names[given] = hardware.machine_id.__wrapped__()
    assert len(set(names.values())) == 3
    before = json.dumps([installation(), hardware.hardware_id()], separators=(",", ":"))
    assert names[""] == hashlib.sha256(before.encode()).hexdigest()[:12]


ASK = "from ntkbench.backends import environment; f = environment(); print(*map(f.get, ['machine', 'cores given']))"


def asked(code: str, **variables: str) -> list[str]:
    environment = {**os.environ, **variables}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity") or os.cpu_count() == 1, reason="binds a process to a core")
def test_a_process_that_is_bound_to_one_core_says_so_in_its_records() -> None:
    core = min(os.sched_getaffinity(0))
    machine, given = asked(f"import os; os.sched_setaffinity(0, {{{core}}}); {ASK}")
    assert given == "1"
    assert (machine == hardware.machine_id()) == (cores_given() == "1")  # who runs the tests may be bound to one too


def test_a_library_that_binds_threads_to_cores_makes_no_other_machine() -> None:
    pytest.importorskip("torch")
    work = "import torch; torch.ones(300, 300) @ torch.ones(300, 300)"
    code = f"from ntkbench.backends import open_backend; open_backend('torch'); {work}; {ASK}"
    assert asked(code, OMP_PROC_BIND="true", OMP_PLACES="cores")[0] == hardware.machine_id()
