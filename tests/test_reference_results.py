import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ntkbench.store import Store

REFERENCE = Path(__file__).parents[1] / "results/reference"


@pytest.fixture
def store(database: Path, ntkbench: Callable) -> Store:
    outcome = ntkbench("import", REFERENCE)
    assert outcome.code == 0, outcome.err
    return Store(database)


def test_the_reference_results_hold(store: Store, ntkbench: Callable) -> None:
    outcome = ntkbench("verify", "--against", REFERENCE)
    assert outcome.code == 0, outcome.out
    assert store.query("SELECT count(*) FROM agreement WHERE status = 'agrees'")[1][0][0] >= 20


def test_they_were_made_at_a_commit_and_tell_nothing_of_the_machines_folders(store: Store) -> None:
    runs = store.query("SELECT commit_id, command FROM provenance")[1]
    assert len(runs) >= 20
    assert all(re.fullmatch("[0-9a-f]{40}", commit) and "/" not in command for commit, command in runs)
