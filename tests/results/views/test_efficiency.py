"""What the views say of achieved rates and of the limits of machines."""

from __future__ import annotations

import pytest


def limits(results, backend: str = "jax", *, product: float = 1e11, bandwidth: float = 2e10, **fields) -> None:
    values = {"single": product, "double": product / 2, "memory": bandwidth}
    roles = {
        "single": ("float32 operation rate", None),
        "double": ("float64 operation rate", None),
        "memory": ("bandwidth", None),
    }
    machine = {"task": "limits", "params": {"n": 64}, "measures_machine": True}
    results.run(backend, metrics=values, roles=roles, **machine, **fields)


def kernel(
    results, backend: str = "jax", *samples: float, operations: float = 4e10, size: float = 1e9, **fields
) -> None:
    results.run(
        backend,
        timings={"kernel": (9.0, samples or (1.0,)), "solve": (9.0, (1.0,))},
        metrics={"count": operations, "size": size},
        units={"count": "op", "size": "B"},
        roles={"count": ("operations", "kernel"), "size": ("bytes", "kernel")},
        **fields,
    )


def test_a_rate_is_the_work_of_the_stage_over_the_median_of_its_steady_calls(results):
    kernel(results, "jax", 1.0, 2.0, 8.0)
    sql = "SELECT stage, backend, seconds, operations, bytes, operations_per_second, bytes_per_second FROM rate"
    assert results.select(sql) == [("kernel", "jax", 2.0, 4e10, 1e9, 2e10, 5e8)]


def test_seeds_have_one_rate_together(results):
    kernel(results, "jax", 1.0)
    kernel(results, "jax", 3.0, seed=1)
    assert results.select("SELECT seconds, operations_per_second FROM rate") == [(2.0, 2e10)]


def test_a_metric_that_only_sounds_like_a_count_is_none(results):
    units = {"kernel_operations": "op"}
    results.run("jax", timings={"kernel": (1.0, (1.0,))}, metrics={"kernel_operations": 5.0}, units=units)
    assert results.select("FROM rate") == []


def test_the_limit_is_the_best_that_any_backend_measured(results):
    limits(results, "jax", product=1e11, bandwidth=1e10)
    limits(results, "torch", product=1.2e11, bandwidth=1.5e10)
    limits(results, "numba", product=0.8e11, bandwidth=2e10)
    limits(results, "torch", product=0.1e11, bandwidth=1e9)  # later, beside other work
    limits(results, "jax", product=9e11, machine="m2")
    columns = "precision, operations_per_second, operations_backend, bytes_per_second, bytes_backend"
    assert results.select(f"SELECT {columns} FROM machine_limit WHERE machine = 'm1' ORDER BY precision") == [
        ("float32", 1.2e11, "torch", 2e10, "numba"),
        ("float64", 0.6e11, "torch", 2e10, "numba"),
    ]
    assert results.select("SELECT DISTINCT tasks FROM machine_limit") == [(["limits"],)]


@pytest.mark.parametrize(
    ("operations", "size", "fraction", "binds"), [(4e10, 1e9, 0.4, "arithmetic"), (1e10, 1e10, 0.5, "memory")]
)
def test_the_limit_binds_that_the_stage_is_nearest_to(results, operations, size, fraction, binds):
    limits(results)
    kernel(results, operations=operations, size=size)
    sql = "SELECT fraction, binds, operations_fraction, bytes_fraction FROM efficiency"
    assert results.select(sql) == [(fraction, binds, operations / 1e11, size / 2e10)]


def test_a_stage_is_held_against_the_limits_of_its_own_machine_device_and_precision(results):
    limits(results)
    limits(results, product=1e13, device="cuda")
    limits(results, product=1e12, machine="m2")
    kernel(results)
    kernel(results, device="cuda")
    kernel(results, precision="float64")
    kernel(results, machine="m2")
    kernel(results, machine="m3")
    rows = results.select("SELECT machine, device, precision, fraction, binds FROM efficiency ORDER BY ALL")
    assert rows == [
        ("m1", "cpu", "float32", 0.4, "arithmetic"),
        ("m1", "cpu", "float64", 0.8, "arithmetic"),
        ("m1", "cuda", "float32", 0.05, "memory"),
        ("m2", "cpu", "float32", 0.05, "memory"),
        ("m3", "cpu", "float32", None, None),
    ]
