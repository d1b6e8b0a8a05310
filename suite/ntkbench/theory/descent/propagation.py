"""What becomes of the error of a linearised network while it trains, and of its predictions.

Along eigenvectors where no derivative is asked for; otherwise those numbers, with derivatives that no eigenvector takes
part in.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host
from ntkbench.arrays.execution import Execution
from ntkbench.solvers.cholesky import EPSILON, rounding
from ntkbench.solvers.exponential import Eigenbasis, eigenbasis, exponential
from ntkbench.solvers.regression import Problem
from ntkbench.solvers.scalars import Scalar, number, stacked

Kind = Literal["flow", "descent"]
Outputs = tuple[Array, Array, Array]
"""On the training points (t, n, k) and the test points (t, n_test, k), and the loss (t,)."""


class Factors(NamedTuple):
    """What becomes of the error along each eigenvector: (t, n); and which eigenvalues are zero (n,)."""

    kept: Array
    lost: Array  # 1 - kept
    reach: Array  # lost / eigenvalue: how much of it reaches the test points
    null: Array


def factors(xp: Any, kind: Kind, eigenvalues: Array, time: Array, rate: Scalar) -> Factors:
    """From eigenvalues (n,) and times (t,); an eigenvalue that is zero to rounding counts as zero."""
    null = xp.abs(eigenvalues) <= rounding(eigenvalues)
    eigenvalues, time = xp.where(null, 0.0, eigenvalues), time[:, None]
    kept, lost = (_flow if kind == "flow" else _descent)(xp, rate * eigenvalues, time)
    # At l = 0 the limit of lost / l.
    reach = xp.where(null, rate * time, lost / xp.where(null, 1.0, eigenvalues))
    return Factors(kept, lost, reach, null)


def outputs(
    execution: Execution,
    kind: Kind,
    problem: Problem,
    start: tuple[Array, Array],
    eigen: tuple[Array, Array],
    moments: tuple[float, ...],
    rate: float,
) -> Outputs:
    """The outputs at all moments, from the eigenvalues and eigenvectors of K."""
    values, vectors = eigen
    found = factors(np, kind, host(values), np.array(moments, dtype=np.float64), rate)
    shares = [execution.from_numpy(f, vectors) for f in found]
    places = (vectors, problem.targets, problem.k_test, *start)
    predicted: Outputs = execution.compiled(_predict, ("execution",))(*places, *shares, execution=execution)
    return predicted


def outputs_with_derivatives(
    execution: Execution,
    kind: Kind,
    problem: Problem,
    start: tuple[Array, Array],
    moments: tuple[Scalar, ...],
    rate: Scalar,
) -> Outputs:
    """The same numbers; those that are traced or differentiated may be any but the steps of gradient descent."""
    time, rates = (stacked(execution, part, problem.k_train) for part in (moments, [rate]))
    steps = None if kind == "flow" else tuple(map(number, moments))
    places = (problem.k_train, problem.targets, problem.k_test, *start, time, rates[0])
    function = execution.compiled(_with_derivatives, ("steps", "execution"))
    predicted: Outputs = function(*places, steps=steps, execution=execution)
    return predicted


def _predict(
    vectors: Array,
    targets: Array,
    k_test: Array,
    f0_train: Array,
    f0_test: Array,
    kept: Array,
    lost: Array,
    reach: Array,
    null: Array,
    *,
    execution: Execution,
) -> Outputs:
    xp = execution.xp
    error = execution.matmul(xp.matrix_transpose(vectors), f0_train - targets)
    cross = execution.matmul(k_test, vectors)
    # For a kernel k(x, X) v = 0 wherever K v = 0. What rounding leaves of it would grow with time.
    size = xp.sqrt(xp.sum(k_test * k_test, axis=1))[:, None]
    noise = null[None, :] & (xp.abs(cross) <= cross.shape[1] * EPSILON * size)
    cross = xp.where(noise, xp.zeros_like(cross), cross)
    return (
        f0_train - execution.matmul(vectors, lost[:, :, None] * error),
        f0_test - execution.matmul(cross, reach[:, :, None] * error),
        0.5 * xp.sum((kept[:, :, None] * error) ** 2, axis=(1, 2)),
    )


def _with_derivatives(
    k: Array,
    targets: Array,
    k_test: Array,
    f0_train: Array,
    f0_test: Array,
    time: Array,
    rate: Array,
    *,
    steps: tuple[float, ...] | None,
    execution: Execution,
) -> Outputs:
    xp, constant = execution.xp, execution.constant
    basis, error = eigenbasis(execution, k), f0_train - targets
    kind: Kind = "flow" if steps is None else "descent"
    found = factors(xp, kind, basis.values, constant(time), constant(rate))
    places: list[Array] = [*map(constant, (basis.vectors, targets, k_test, f0_train, f0_test)), *found]
    exact = _predict(*places, execution=execution)
    if steps is None:
        basis = basis._replace(values=xp.where(found.null, 0.0, basis.values))
        kept, reach = _by_flow(execution, basis, error, time, rate)
    else:
        kept, reach = _by_steps(execution, 0.5 * (k + xp.matrix_transpose(k)), error, steps, rate)
    slopes = (targets + kept, f0_test - execution.matmul(k_test, reach), 0.5 * xp.sum(kept**2, axis=(1, 2)))
    train, test, loss = (e + (s - constant(s)) for e, s in zip(exact, slopes, strict=True))
    return train, test, loss


def _by_flow(execution: Execution, basis: Eigenbasis, error: Array, time: Array, rate: Array) -> tuple[Array, Array]:
    """What is kept of the error, and K^-1 times what is lost: (t, n, k) each."""
    xp, vectors = execution.xp, basis.vectors
    # At infinity nothing depends on the rate any more; infinity times its derivative would be NaN.
    endless = xp.isinf(time)
    s = xp.where(endless, time, rate * xp.where(endless, xp.zeros_like(time), time))
    kept, reach = exponential(execution, basis, execution.matmul(xp.matrix_transpose(vectors), error), s)
    return execution.matmul(vectors, kept), execution.matmul(vectors, reach)


def _by_steps(
    execution: Execution, k: Array, error: Array, steps: tuple[float, ...], rate: Array
) -> tuple[Array, Array]:
    """The same for gradient descent: powers of I - rate K, and rate times their sum, by doubling."""
    xp = execution.xp
    matmul, eye = execution.matmul, xp.eye(k.shape[0], dtype=k.dtype, device=array_api_compat.device(k))
    one, kept, reach = eye - rate * k, [], []
    for count in steps:
        if math.isinf(count):
            kept.append(xp.zeros_like(error))
            reach.append(xp.linalg.solve(k, error))
            continue
        power, total = eye, xp.zeros_like(eye)
        for bit in f"{int(count):b}":
            power, total = matmul(power, power), total + matmul(power, total)
            if bit == "1":
                power, total = matmul(one, power), rate * eye + matmul(one, total)
        kept.append(matmul(power, error))
        reach.append(matmul(total, error))
    empty = xp.zeros((0, *error.shape), dtype=error.dtype, device=array_api_compat.device(k))
    return (xp.stack(kept), xp.stack(reach)) if steps else (empty, empty)


def _flow(xp: Any, decay: Array, time: Array) -> tuple[Array, Array]:
    """exp(-decay time), and 1 minus that."""
    return xp.exp(-decay * time), -xp.expm1(-decay * time)


def _descent(xp: Any, decay: Array, time: Array) -> tuple[Array, Array]:
    """(1 - decay)^time, and 1 minus that."""
    # |1 - decay| = 1 - nearest on both sides of one, and 2 - decay is exact there.
    nearest = xp.minimum(decay, 2.0 - decay)
    at_once = nearest == 1.0
    exponent = time * xp.log1p(-xp.where(at_once, 0.0, nearest))
    turned = (xp.where(xp.isfinite(time), time, 0.0) % 2.0 == 1.0) & (decay > 1.0)
    size = xp.exp(exponent)
    kept, lost = xp.where(turned, -size, size), xp.where(turned, 1.0 + size, -xp.expm1(exponent))
    return xp.where(at_once, 1.0 * (time == 0.0), kept), xp.where(at_once, 1.0 * (time != 0.0), lost)
