"""What can this machine do at most: how many operations, and how many bytes to and from memory, a second?

A kernel runs against one of two limits (the roofline of Williams, Waterman & Patterson 2009): the machine's arithmetic
or its memory. They are measured here as each backend reaches them. Arithmetic: the product of two square matrices in
float32 (without TF32) and in float64, 2 n^3 operations. Memory: an array much larger than the caches, multiplied by a
number where it lies, so that each of its bytes is read and written once and no page is new; numba stands for one core
of NumPy. Of the timed calls the fastest counts: whatever disturbs makes them slower.

The view `efficiency` holds the kernels of other tasks against the best of these, over all backends on the device. A
product is a fair measure of these kernels too: in float32 all they need of arccos is short polynomials, which are
multiply-adds, and one square root in about fifty operations.
"""

import numpy as np

from ntkbench import Context, Metric, Tier, task
from ntkbench.kernels import rescaled

SWEEPS = 4  # over the array, in one timed call


@task(
    title="Limits of the machine",
    source="Williams, Waterman & Patterson 2009, CACM 52(4): the roofline model",
    metrics=[
        Metric(
            "product_float32",
            unit="op/s",
            better="higher",
            role="float32 operation rate",
            about="product of two n x n matrices in float32, TF32 off",
        ),
        Metric(
            "product_float64", unit="op/s", better="higher", role="float64 operation rate", about="the same in float64"
        ),
        Metric(
            "bandwidth",
            unit="B/s",
            better="higher",
            role="bandwidth",
            about="bytes read and written by an array multiplied in its place",
        ),
    ],
    tiers=[
        Tier("smoke", n=512, mib=64),
        Tier("standard", n=2048, mib=256),
        Tier("extended", n=4096, mib=512),
        Tier("paper", n=8192, mib=2048),
    ],
    measures_machine=True,
    cost=lambda n, mib: 2.0 * n**3 + mib * 1e7,
)
def machine_limits(ctx: Context, n: int, mib: int) -> None:
    """Matrices of side `n`, and an array of `mib` MiB."""
    rng = ctx.rng(purpose=f"matrices {n}")
    matrices = [rng.standard_normal((n, n)) for _ in range(2)]
    for precision in ("float32", "float64"):
        x, y = (ctx.backend.asarray(matrix, precision) for matrix in matrices)
        ctx.stage(f"product_{precision}", lambda x=x, y=y: x @ y)
    held = [ctx.backend.asarray(np.ones(mib * 2**18, np.float32), "float32")]

    def sweep():
        held[0] = rescaled(held[0], 1.0, SWEEPS)
        return held[0]

    ctx.stage("memory", sweep)
    fastest = {
        stage: min(t.seconds for t in ctx.timings if t.stage == stage) for stage in {t.stage for t in ctx.timings}
    }
    ctx.record(
        product_float32=2 * n**3 / fastest["product_float32"],
        product_float64=2 * n**3 / fastest["product_float64"],
        bandwidth=2 * SWEEPS * mib * 2**20 / fastest["memory"],
    )
