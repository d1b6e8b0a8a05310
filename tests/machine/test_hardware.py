"""The hardware's name."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from ntkbench.machine import hardware
from ntkbench.machine.hardware import machine_id


def test_a_machine_has_one_name_in_every_process() -> None:
    code = "from ntkbench.machine.hardware import machine_id; print(machine_id())"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == machine_id()
    assert re.fullmatch("[0-9a-f]{12}", machine_id())


@pytest.mark.parametrize("change", [("cpu_name", lambda: "another"), ("gpu_names", lambda: ("NVIDIA X",))])
def test_other_hardware_has_another_name(change, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, *change)
    assert machine_id.__wrapped__() != machine_id()
