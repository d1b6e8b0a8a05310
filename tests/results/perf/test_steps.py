from __future__ import annotations

import random

from ntkbench.results.perf.steps import levels


def test_a_step_is_found_where_it_is_through_noise():
    noise = random.Random(0)
    values = [(1.0 if k < 12 else 1.5) * noise.uniform(0.97, 1.03) for k in range(24)]
    found = levels(values, [None] * 24)
    assert len(set(found[:12])) == len(set(found[12:])) == 1
    assert abs(found[0] - 1.0) < 0.03
    assert abs(found[-1] - 1.5) < 0.045


def test_noise_alone_has_one_level():
    noise = random.Random(1)
    assert len(set(levels([noise.uniform(0.97, 1.03) for _ in range(24)], [None] * 24))) == 1


def test_what_is_missing_has_no_level_and_hides_no_step():
    values = [1.0, 1.01, None, 0.99, 1.0, 1.0, 2.0, None, 2.01, 1.99, 2.0, 2.0]
    found = levels(values, [None] * 12)
    assert [k for k, level in enumerate(found) if level is None] == [2, 7]
    assert len({level for level in found if level is not None}) == 2
    assert found[5] != found[6]
    assert levels([None, None], [None, None]) == [None, None]
    assert levels([], []) == []
