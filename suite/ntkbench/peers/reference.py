"""What is right, in float64, and how far from it a result is: agreement comes before speed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ntkbench.errors import InputError
from ntkbench.peers.workloads import Arrays, Workload

TOLERANCE = 1e-5
_ROWS = {"fc": 64, "cntk": 16, "network": 2}  # of the Gram matrix, computed again in float64; of the others, all
_ENDS = [0, -1]  # of a network's outputs


@dataclass(frozen=True)
class Errors:
    """The largest relative errors: of entries off the diagonal (predictions: of the largest), and on the diagonal.

    The diagonal stands apart: a library that forms 1 - rho^2 by subtraction loses it, and agrees elsewhere. `where`
    says in words which entry is farthest off.
    """

    elsewhere: float
    diagonal: float | None
    where: str = field(default="", compare=False)

    @property
    def agree(self) -> bool:
        """Whether the result is the right one, off the diagonal."""
        return self.elsewhere <= TOLERANCE

    @property
    def diagonal_agrees(self) -> bool:
        """Whether its diagonal, where it has one, is the right one."""
        return self.diagonal is None or self.diagonal <= TOLERANCE


def reference(workload: Workload, arrays: Arrays) -> np.ndarray:
    """What is right, computed in float64 from the same inputs.

    Args:
        workload: The work.
        arrays: Its inputs, as `workloads.inputs` gives them.

    Returns:
        Rows of NNGP and NTK (2, rows, n), from the first to the last; an empirical NTK (1, n, n), of a whole network
        the first and the last row, and output, (1, rows, n, 2, 2); or predictions (1, n_test, 1).
    """
    exact = {name: array.astype(np.float64) for name, array in arrays.items()}
    if workload.kind == "empirical":
        return empirical_reference(exact)[None]
    if workload.kind == "network":
        return _network_reference(workload, exact)[None]
    if workload.kind == "regression":
        n, ridge = len(exact["y_train"]), float(workload.params["ridge"])
        weights = np.linalg.solve(exact["k_train"] + ridge * np.eye(n), exact["y_train"])
        return (exact["k_test"] @ weights)[None]
    checked = _checked(workload)
    rows = exact["x1"][checked]
    kernels = np.stack(_kernels(workload, rows, exact.get("x2", exact["x1"])))
    if workload.symmetric:
        # Of inputs with themselves the diagonal is exact.
        own, index = np.stack(_kernels(workload, rows, None)), np.arange(len(rows))
        kernels[:, index, checked] = own[:, index, index]
    return kernels


def errors(workload: Workload, result: np.ndarray, right: np.ndarray) -> Errors:
    """How far a result is from what is right.

    Args:
        workload: The work that was done.
        result: Of shape (kernels, rows, columns), as `reference` says; all rows. It may be of the NTK alone, and
            predictions may have one axis fewer.
        right: What `reference` gives, of some rows alone perhaps.

    Raises:
        InputError: For a result of another shape, or with NaN or infinity in it.
    """
    if workload.kind == "regression" and result.ndim == 2:
        result = result[:, :, None]  # a row of predictions
    if len(result) == 1:
        right = right[-1:]  # the NTK alone
    shape: tuple[int, ...] = (right.shape[0], _size(workload), right.shape[2])
    if workload.kind == "network":
        shape = (*shape, *(int(workload.params["outputs"]),) * 2)
    if result.shape != shape:
        raise InputError(f"its result is of shape {result.shape}, not {shape}")
    if not np.all(np.isfinite(result)):
        raise InputError("its result holds NaN or infinity")
    checked = _checked(workload)
    found = result[:, checked].astype(np.float64)
    if workload.kind == "network":
        found = found[..., _ENDS, :][..., _ENDS]
    # Of predictions, and between different outputs, there are entries near zero.
    by_largest = workload.kind in ("regression", "network")
    relative = np.abs(found - right) / (np.max(np.abs(right)) if by_largest else np.abs(right))
    where = _words(workload, checked, found, right, relative)
    if by_largest or not workload.symmetric:
        return Errors(float(np.max(relative)), None, where)
    diagonal = np.broadcast_to(checked[:, None] == np.arange(right.shape[2]), relative.shape)
    return Errors(float(np.max(relative[~diagonal], initial=0.0)), float(np.max(relative[diagonal])), where)


def _words(workload: Workload, checked: np.ndarray, found: np.ndarray, right: np.ndarray, relative: np.ndarray) -> str:
    """The entry that is farthest off: what it is and what it should be."""
    kernel, place, column, *outputs = worst = np.unravel_index(np.argmax(relative), relative.shape)
    name, row = "NTK" if kernel == len(right) - 1 else "NNGP", checked[place]
    last = int(workload.params.get("outputs", 1)) - 1
    places = ", ".join(map(str, (row, column, *(last if output else 0 for output in outputs))))
    entry = f"prediction[{row}]" if workload.kind == "regression" else f"{name}[{places}]"
    return f"{entry} is {found[worst]:.9g}, not {right[worst]:.9g}"


def empirical_reference(exact: Arrays) -> np.ndarray:
    """The NTK of x -> relu(relu(x a w0) b w1) c w2 by the chain rule: (n, n), the mean over outputs.

    Scales a, b, c are sqrt(2 / fan-in). A layer with inputs h and derivatives g of output o by its outputs adds
    scale^2 (h . h') (g . g').

    Args:
        exact: Inputs x1 (n, features) and weights w0, w1, w2 (fan-in, fan-out), in float64.
    """
    h, inputs, masks = exact["x1"], [], []
    weights = [exact[f"w{k}"] * np.sqrt(2.0 / len(exact[f"w{k}"])) for k in range(3)]
    for weight in weights:
        inputs.append(h)
        h = h @ weight
        masks.append(h > 0)
        h = np.maximum(h, 0.0)
    outputs = weights[2].shape[1]
    total = np.zeros((len(h), len(h)))
    for o in range(outputs):
        g = np.zeros_like(masks[2], dtype=np.float64)
        g[:, o] = 1.0
        for k in (2, 1, 0):
            total += 2.0 / inputs[k].shape[1] * (inputs[k] @ inputs[k].T) * (g @ g.T) / outputs
            if k:
                g = (g @ weights[k].T) * masks[k - 1]
    return total


def _network_reference(workload: Workload, exact: Arrays) -> np.ndarray:
    """The product of whole Jacobians, as torch has them, of some of the inputs and outputs: (rows, n, 2, 2)."""
    import torch

    from ntkbench.kernels import empirical_ntk
    from ntkbench.peers.torch_networks import inputs_of, module_of

    arrays = {name: torch.from_numpy(array) for name, array in exact.items()}
    module, x = module_of(workload.params, arrays), inputs_of(arrays)
    ends = (0, int(workload.params["outputs"]) - 1)
    found = empirical_ntk(module, x[_checked(workload)], x, method="contraction", outputs=ends)
    return np.asarray(found)


def _kernels(workload: Workload, x1: np.ndarray, x2: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    from ntkbench.kernels import conv_kernels, fc_kernels

    depth = int(workload.params["depth"])
    if workload.kind == "fc":
        found = fc_kernels(x1, x2, depth=depth)
    else:
        pooling = "gap" if workload.params["pooling"] == "gap" else "flatten"
        found = conv_kernels(x1, x2, depth=depth, pooling=pooling)  # type: ignore[arg-type]
    return found.nngp, found.ntk


def _checked(workload: Workload) -> np.ndarray:
    """The rows that are computed again: the first, the last, and between them."""
    rows = _size(workload)
    return np.unique(np.linspace(0, rows - 1, min(rows, _ROWS.get(workload.kind, rows))).round().astype(np.intp))


def _size(workload: Workload) -> int:
    return int(workload.params["n_test" if workload.kind == "regression" else "n"])
