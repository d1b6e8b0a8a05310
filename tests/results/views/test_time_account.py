from __future__ import annotations

import pytest

from ntkbench.results.record import PartRow


def account(results) -> dict[tuple[str, str | None], float]:
    return {
        (part, stage): seconds
        for part, stage, seconds in results.select("SELECT part, stage, seconds FROM time_account")
    }


def test_the_parts_of_a_run_add_up_to_what_it_took(results):
    # Of 30 s: 5 s for one call of it, 3 s compiling, 13 s for three more calls; 2 s for a stage that was called once.
    timings = {"kernel": (8.0, [5.0, 3.0, 5.0]), "solve": (2.0, [])}
    results.run(timings=timings, parts=[PartRow("starting", 1.5), PartRow("outside stages", 4.0)])
    found = account(results)
    assert found == pytest.approx(
        {
            ("stage", "kernel"): 5.0,
            ("stage", "solve"): 2.0,
            ("compiling", None): 3.0,
            ("repeats", None): 13.0,
            ("starting", None): 1.5,
            ("outside stages", None): 4.0,
            ("rest", None): 1.5,
        }
    )
    assert sum(found.values()) == pytest.approx(30.0)


def test_of_a_run_that_accounts_for_nothing_all_outside_of_its_stages_is_the_rest(results):
    results.run(timings={"kernel": (8.0, [])})
    assert account(results)["rest", None] == 22.0
    results.run(backend="jax")
    assert results.select("SELECT seconds FROM time_account WHERE part = 'rest' ORDER BY ALL") == [(22.0,), (30.0,)]


def test_a_run_that_went_on_from_what_others_had_computed_has_no_rest(results):
    results.run(timings={"kernel": (900.0, [])}, parts=[PartRow("between calls", 3.0)])
    assert account(results) == {
        ("stage", "kernel"): 900.0,
        ("compiling", None): 0.0,
        ("repeats", None): 0.0,
        ("between calls", None): 3.0,
        ("rest", None): 0.0,
    }
