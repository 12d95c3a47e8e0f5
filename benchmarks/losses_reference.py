"""What the loss and its gradients are: float64, written down from the equation."""

import numpy as np


def reference(
    queries: np.ndarray, targets: np.ndarray, temperature: float, rows: int
) -> tuple[float, np.ndarray]:
    """Returns the symmetric loss and the gradients of the first rows of both sides, (2, rows, d).

    With s_ij = q̄_i·t̄_j / τ, of rows of length 1,

        loss        = 1/N Σ_i (log Σ_j exp s_ij + log Σ_j exp s_ji − 2 s_ii) / 2
        ∂loss/∂s_ij = (exp(s_ij − rows_i) + exp(s_ij − columns_j) − 2 δ_ij) / 2N
    """
    sides = [np.asarray(x, np.float64) for x in (queries, targets)]
    lengths = [np.linalg.norm(x, axis=1, keepdims=True) for x in sides]
    q, t = (x / length for x, length in zip(sides, lengths, strict=True))
    n = len(q)
    s = q @ t.T / temperature
    of_rows, of_columns = (_log_sum_exp(s, axis) for axis in (1, 0))
    loss = float((of_rows + of_columns - 2 * np.diagonal(s)).mean() / 2)
    s = np.exp(s - of_rows[:, None]) + np.exp(s - of_columns[None, :])
    s[np.diag_indices(n)] -= 2
    s /= 2 * n * temperature
    slopes = (s[:rows] @ t, s.T[:rows] @ q)
    # A unit row moves on the sphere only: what points along it has no effect.
    gradients = [
        (slope - (slope * unit[:rows]).sum(axis=1, keepdims=True) * unit[:rows]) / length[:rows]
        for slope, unit, length in zip(slopes, (q, t), lengths, strict=True)
    ]
    return loss, np.stack(gradients)


def _log_sum_exp(x: np.ndarray, axis: int) -> np.ndarray:
    largest = x.max(axis=axis, keepdims=True)
    return (np.log(np.exp(x - largest).sum(axis=axis, keepdims=True)) + largest).squeeze(axis)
