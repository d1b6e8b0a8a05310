from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from ntkbench import Claim, Context, Curve, Metric, Task, Tier, task
from ntkbench.errors import InputError


def measure(ctx: Context, *, n: int, rate: float, name: str, fast: bool) -> None: ...


TIER = Tier("smoke", n=1, rate=0.5, name="a", fast=True)


def make(function: Callable[..., None] = measure, **changes: Any) -> Task:
    parts: dict[str, Any] = {"metrics": [Metric("error", "1")], "tiers": [TIER]}
    return task(title="Measures", source="none", **{**parts, **changes})(function)


BAD_PARTS = [
    (lambda: Metric("m", "1", better="more"), "better must be 'higher', 'lower' or None, not 'more'"),
    (lambda: Metric("m", "1", tolerance=-1), "tolerance must be finite and not negative, not -1"),
    (lambda: Metric("m", "1", tolerance=math.nan), "tolerance must be finite"),
    (lambda: Metric("m", "1", tolerance=math.inf), "tolerance must be finite"),
    (lambda: Curve("c", x="x", y="y", share=0), "share must lie in (0, 1], not 0"),
    (lambda: Curve("c", x="x", y="y", share=1.5), "share must lie in (0, 1], not 1.5"),
    (lambda: Curve("c", x="x", y="y", tolerance=-0.1), "tolerance must be finite and not negative"),
    (lambda: Claim("c", metric="m", value=math.nan, tolerance=0.1, source="s"), "needs a finite value"),
    (lambda: Claim("c", metric="m", value=1, tolerance=-0.1, source="s"), "finite tolerance >= 0"),
    (lambda: Claim("c", metric="m", value=1, tolerance=math.inf, source="s"), "finite tolerance >= 0"),
    (
        lambda: Claim("c", metric="m", value=1, tolerance=0.1, source="s", repeats=0),
        "repeats must be a whole number of at least 1, not 0",
    ),
    (
        lambda: Claim("c", metric="m", value=1, tolerance=0.1, source="s", repeats=1.5),
        "repeats must be a whole number of at least 1, not 1.5",
    ),
    *(
        (
            lambda finding=finding: Claim("c", metric="m", value=1, tolerance=0.1, source="s", finding=finding),
            "finding must be one line that says why, and since when",
        )
        for finding in ("", "it is rounded", "rounded,\nsince 2026-11-28")
    ),
    (
        lambda: Claim("c", metric="m", value=1, tolerance=0.1, source="s", over="best"),
        "over must be 'mean' or 'worst', not 'best'",
    ),
    (
        lambda: Metric("m", "1", role="peak memmory"),
        "unknown role of metric 'm': 'peak memmory'; did you mean 'peak memory'?",
    ),
    (lambda: Metric("m", "op", role="operations"), "metric 'm': role 'operations' needs a stage, the one that takes"),
    (
        lambda: Metric("m", "B", role="bytes", stage=""),
        "metric 'm': role 'bytes' needs a stage, the one that takes them",
    ),
    (
        lambda: Metric("m", "B", role="peak memory", stage="kernel"),
        "metric 'm': only the roles 'operations' and 'bytes' have a stage, not 'peak memory'",
    ),
    (lambda: Metric("m", "B", stage="kernel"), "only the roles 'operations' and 'bytes' have a stage, not None"),
    (lambda: Tier("t", seeds=0), "seeds must be a whole number of at least 1, not 0"),
    (lambda: Tier("t", seeds=2.5), "seeds must be a whole number of at least 1, not 2.5"),
    (lambda: Tier("t", n=[]), "parameter 'n' has no value"),
    (lambda: Tier("t", backends="numba"), "backends must be a list of names, not 'numba'"),
    (lambda: Tier("t", backends=["torsh"]), "unknown backend in tier 't': 'torsh'; did you mean 'torch'?"),
]


@pytest.mark.parametrize(("part", "message"), BAD_PARTS, ids=[message for _, message in BAD_PARTS])
def test_a_part_that_cannot_be_is_refused_when_it_is_made(part: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        part()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def nothing() -> None: ...
def untyped(ctx, *, n) -> None: ...
def listed(ctx: Context, *, n: list[int]) -> None: ...


GOOD_CLAIM = Claim("c", metric="error", value=0.0, tolerance=0.1, source="s")
BAD_TASKS = [
    ({"function": nothing}, "task 'nothing': its function must take the context as its first argument"),
    ({"function": untyped}, "parameter 'n' must be int, float, str or bool"),
    ({"function": listed}, "parameter 'n' must be int, float, str or bool"),
    ({"version": 0}, "version must be a whole number of at least 1, not 0"),
    ({"version": "2"}, "version must be a whole number of at least 1, not '2'"),
    ({"requires": ["autodif"]}, "unknown capability that task 'measure' requires: 'autodif'; did you mean 'autodiff'?"),
    ({"tiers": [Tier("smoke", n=1, rate=1.0, name="a")]}, "tier 'smoke': not the function's parameters: fast"),
    (
        {"tiers": [Tier("smoke", n=1, rate=1.0, name="a", fast=True, depth=3)]},
        "tier 'smoke': not the function's parameters: depth",
    ),
    (
        {"tiers": [Tier("smoke", n=[1, "two"], rate=1.0, name="a", fast=True)]},
        "parameter 'n' of task 'measure' must be int, not 'two'",
    ),
    (
        {"claims": [Claim("c", metric="eror", value=0.0, tolerance=0.1, source="s")]},
        "unknown metric in claim 'c' of task 'measure': 'eror'; did you mean 'error'?",
    ),
    (
        {"claims": [Claim("c", metric="error", value=0.0, tolerance=0.1, source="s", where={"nn": 1})]},
        "unknown parameter of task 'measure': 'nn'; did you mean 'n'?",
    ),
    (
        {"claims": [Claim("c", metric="error", value=0.0, tolerance=0.1, source="s", where={"n": 1.5})]},
        "parameter 'n' of task 'measure' must be int, not 1.5",
    ),
    ({"claims": [GOOD_CLAIM, GOOD_CLAIM]}, "two claims have the same name"),
    ({"metrics": [Metric("error", "1"), Metric("error", "%")]}, "two metrics have the same name"),
    (
        {
            "metrics": [
                Metric("error", "1", role="gram error"),
                Metric("gram_error", "1", role="gram error"),
            ]
        },
        "task 'measure': two metrics have the role 'gram error'",
    ),
    (
        {"metrics": [Metric(name, "op", role="operations", stage="kernel") for name in ("error", "again")]},
        "task 'measure': two metrics have the role 'operations' of stage 'kernel'",
    ),
    (
        {"metrics": [Metric("error", "B/s", role="bandwidth")]},
        "task 'measure': role 'bandwidth' of metric 'error' needs measures_machine=True",
    ),
    (
        {"curves": [Curve("loss", x="x", y="y"), Curve("t", x="x", y="y", theory_of="los")]},
        "unknown curve that 't' of task 'measure' is the theory of: 'los'; did you mean 'loss'?",
    ),
    (
        {"curves": [Curve("loss", x="x", y="y", theory_of="loss")]},
        "unknown curve that 'loss' of task 'measure' is the theory of: 'loss'",
    ),
    (
        {"curves": [Curve("loss", x="x", y="y", exponent="eror")]},
        "unknown exponent of curve 'loss' of task 'measure': 'eror'; did you mean 'error'?",
    ),
    ({"curves": [Curve("c", x="x", y="y"), Curve("c", x="x", y="z")]}, "two curves have the same name"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_TASKS, ids=[message for _, message in BAD_TASKS])
def test_a_task_whose_parts_do_not_fit_together_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        make(**changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_good_task_keeps_its_parts_and_takes_the_functions_name() -> None:
    made = make(claims=[GOOD_CLAIM], requires=["autodiff"], version=2)
    assert (made.name, made.title, made.version, made.requires) == ("measure", "Measures", 2, {"autodiff"})
    assert made.metric_names == ["error", "peak_memory"]
    assert made.claims == (GOOD_CLAIM,)
    assert made.parameters == {"n": int, "rate": float, "name": str, "fast": bool}


def test_a_task_has_the_suites_metric_for_its_peak_memory_unless_it_has_one() -> None:
    assert make().metrics[-1] == Metric(
        "peak_memory", "B", better="lower", role="peak memory", about=make().metrics[-1].about
    )
    own = Metric("most", "B", role="peak memory")
    assert make(metrics=[own, Metric("error", "1")]).metric_names == ["most", "error"]
    with pytest.raises(InputError, match="two metrics have the same name"):
        make(metrics=[Metric("peak_memory", "B")])


def test_roles_of_several_stages_and_limits_of_a_machine_are_taken() -> None:
    stages = [Metric(f"{stage} count", "op", role="operations", stage=stage) for stage in ("kernel", "solve")]
    assert make(metrics=[Metric("error", "1"), *stages]).metrics[1:-1] == tuple(stages)
    limit = Metric("error", "B/s", role="bandwidth")
    assert make(metrics=[limit], measures_machine=True).measures_machine
    assert not make().measures_machine


def test_parameters_are_known_from_real_annotations_as_from_texts() -> None:
    def function(ctx, *, n: int) -> None: ...

    function.__annotations__ = {"n": int}
    assert make(function, tiers=[Tier("smoke", n=1)]).parameters == {"n": int}


def test_a_claim_is_held_in_the_kinds_of_its_task_and_the_given_one_stays_as_it_was() -> None:
    given = Claim("c", metric="error", value=0.0, tolerance=0.1, source="s", where={"rate": 3, "n": "4"})
    held = make(claims=[given]).claims[0].where
    assert held == {"rate": 3.0, "n": 4}
    assert type(held["rate"]) is float
    assert given.where == {"rate": 3, "n": "4"}


def test_tier_names_are_listed_once_from_the_smallest_size_to_the_largest() -> None:
    names = ["own", "full", "paper", "smoke", "standard", "extended", "paper"]
    tiers = [Tier(name, n=1, rate=0.5, name="a", fast=True) for name in names]
    assert make(tiers=tiers).tier_names == ["smoke", "standard", "extended", "paper", "full", "own"]


def test_a_tier_is_the_product_of_its_values() -> None:
    tier = Tier("smoke", n=[1, 2], name=("a", "b"), fast=True)
    expected = [(1, "a"), (1, "b"), (2, "a"), (2, "b")]
    assert [(p["n"], p["name"]) for p in tier.points()] == expected
    assert all(p["fast"] is True for p in tier.points())


def test_overrides_replace_a_tiers_values() -> None:
    tier = Tier("smoke", n=[1, 2], name="a")
    assert list(tier.points({"n": (5,)})) == [{"n": 5, "name": "a"}]
    assert [p["n"] for p in tier.points()] == [1, 2]


def test_a_parameter_may_be_called_name() -> None:
    assert Tier("smoke", name="x").grid == {"name": ("x",)}


@pytest.mark.parametrize("frozen", [TIER.grid, GOOD_CLAIM.where])
def test_grids_and_conditions_cannot_be_changed(frozen: Any) -> None:
    with pytest.raises(TypeError):
        frozen["n"] = 2


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("n", "3", 3),
        ("n", "-3", -3),
        ("rate", "3", 3.0),
        ("rate", "1e-3", 0.001),
        ("rate", 3, 3.0),
        ("name", "3", "3"),
        ("name", "größer als", "größer als"),
        ("fast", "true", True),
        ("fast", "False", False),
    ],
)
def test_text_is_read_as_the_parameter_s_kind(name: str, text: Any, value: Any) -> None:
    found = make().coerce(name, text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("n", "3.5", "int"),
        ("n", "", "int"),
        ("n", "three", "int"),
        ("n", True, "int"),
        ("n", 3.0, "int"),
        pytest.param("n", "9" * 5000, "int", id="n-too-long-int"),
        ("rate", "nan", "float"),
        ("rate", "1e999", "float"),
        ("rate", math.inf, "float"),
        pytest.param("rate", 10**400, "float", id="rate-too-large-float"),
        ("rate", False, "float"),
        ("name", 3, "printable text"),
        ("name", "two\nlines", "printable text"),
        ("name", "half \udcff a character", "printable text"),
        ("fast", "yes", "bool"),
        ("fast", 1, "bool"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_in_one_line(name: str, value: Any, kind: str) -> None:
    with pytest.raises(InputError) as caught:
        make().coerce(name, value)
    message = str(caught.value)
    assert message.startswith(f"parameter {name!r} of task 'measure' must be {kind}, not ")
    assert "\n" not in message
    assert len(message) < 200


def test_an_unknown_parameter_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown parameter of task 'measure': 'rat'; did you mean 'rate'"):
        make().coerce("rat", "1")
