"""The losses again, in float64 NumPy and as the equations have them: what tests compare with.

Nothing is shared with the package. Gradients are complex steps, Im f(x + ih) / h, exact to rounding
since every formula here is analytic around the data (no ties in a column's max or min).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

STEP = 1e-100


def batch_softmax(
    queries: np.ndarray,
    targets: np.ndarray,
    *,
    labels: np.ndarray | None = None,
    extra_targets: np.ndarray | None = None,
    query_ids: np.ndarray | None = None,
    target_ids: np.ndarray | None = None,
    extra_ids: np.ndarray | None = None,
    positive_ids: np.ndarray | None = None,
    labelled_negatives: np.ndarray | None = None,
    temperature: Any = 0.1,
    normalize: str = "l2",
    direction: str = "both",
    partition: str = "separate",
    same_side: str = "none",
    hardness_strength: float = 0.0,
    hardness_mode: str = "all",
    reduction: str = "batch",
) -> Any:
    b = len(queries)
    labels = np.ones(b) if labels is None else labels
    q = normalized(queries, queries, normalize)
    t = normalized(targets, targets, normalize)
    nothing = np.zeros((b, b), dtype=bool)
    same_query = nothing if query_ids is None else same(query_ids, query_ids)
    same_target = nothing if target_ids is None else same(target_ids, target_ids)
    negative = ~np.eye(b, dtype=bool) & ~same_query & ~same_target
    # Of query i, target j.
    belongs = nothing if positive_ids is None else among(target_ids, positive_ids)
    known = np.zeros(b, dtype=bool) if labelled_negatives is None else labelled_negatives
    # Of row i, target j; and of column i, query j.
    for_rows = ~np.eye(b, dtype=bool) & ~same_target & (~same_query | known) & ~belongs
    for_columns = ~np.eye(b, dtype=bool) & ~same_query & (~same_target | known) & ~belongs.T

    def compared(x: np.ndarray, y: np.ndarray, mode: str = "") -> np.ndarray:
        found = x @ y.T
        hard = hardness_strength if mode and hardness_mode in (mode, "all") else 0.0
        return found / temperature + hard * found.real  # real: it has no derivative

    rows: list[list[Any]] = [[] for _ in range(b)]
    columns: list[list[Any]] = [[] for _ in range(b)]
    s = compared(q, t, "batch")
    if direction != "targets":
        add(rows, s, for_rows)
        if extra_targets is not None:
            extra = compared(q, normalized(extra_targets, targets, normalize), "extra")
            other = (
                np.ones(extra.shape, bool) if extra_ids is None else ~same(target_ids, extra_ids)
            )
            if positive_ids is not None and extra_ids is not None:
                other &= ~among(extra_ids, positive_ids)
            add(rows, extra, other)
    if direction != "queries":
        add(columns, s.T, for_columns)
    if same_side in ("queries", "both"):
        add(rows, compared(q, q), negative & ~belongs)
    if same_side in ("targets", "both"):
        add(columns, compared(t, t), negative & ~belongs.T)
    positive = (q * t).sum(axis=1) / temperature
    if partition == "joint":
        again = [[p] if direction == "both" else [] for p in positive]
        of_rows = of_columns = minus_log_softmaxes(
            positive, [x + y + z for x, y, z in zip(again, rows, columns, strict=True)]
        )
    else:
        of_rows, of_columns = (minus_log_softmaxes(positive, x) for x in (rows, columns))
    terms = {"both": (of_rows + of_columns) / 2, "queries": of_rows, "targets": of_columns}
    weighted = labels * terms[direction]
    if reduction == "none":
        return weighted
    divisor = b if reduction == "batch" else labels.sum()
    return weighted.sum() / divisor if divisor else 0.0


def add(candidates: list[list[Any]], logits: np.ndarray, keep: np.ndarray) -> None:
    for i, row in enumerate(candidates):
        row += list(logits[i][keep[i]])


def minus_log_softmaxes(positives: np.ndarray, negatives: list[list[Any]]) -> np.ndarray:
    return np.array([minus_log_softmax(*both) for both in zip(positives, negatives, strict=True)])


def normalized(x: np.ndarray, measured: np.ndarray, kind: str) -> np.ndarray:
    low = np.array([column[np.argmin(column.real)] for column in measured.T])
    high = np.array([column[np.argmax(column.real)] for column in measured.T])
    if kind == "l2":
        return x / np.sqrt((x * x).sum(axis=1, keepdims=True))
    if kind == "l2_columns":
        return x / np.sqrt((measured * measured).sum(axis=0))
    if kind == "range":
        return x / (high - low)
    if kind == "minmax":
        return (x - low) / (high - low)
    return x


def same(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return np.array([[np.array_equal(a, b) for b in columns] for a in rows])


def among(columns: np.ndarray, several: np.ndarray) -> np.ndarray:
    return np.array([[any(np.array_equal(a, b) for a in row) for b in columns] for row in several])


def minus_log_softmax(positive: Any, negatives: list[Any]) -> Any:
    candidates = np.array([positive, *negatives])
    largest = candidates.real.max()
    return np.log(np.exp(candidates - largest).sum()) + largest - positive


def cosines(queries: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return (normalized(queries, queries, "l2") * normalized(targets, targets, "l2")).sum(axis=1)


def cosine_mse(
    queries: np.ndarray, targets: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> Any:
    weights = np.ones(len(queries)) if weights is None else weights
    return (weights * (cosines(queries, targets) - scores) ** 2).mean()


def combo(
    queries: np.ndarray,
    targets: np.ndarray,
    scores: np.ndarray,
    *,
    mu: float = 0.1,
    threshold: float = 0.5,
    weights: np.ndarray | None = None,
    **keywords: Any,
) -> Any:
    weights = np.ones(len(queries)) if weights is None else weights
    labels = weights * (scores >= threshold)
    contrastive = batch_softmax(queries, targets, labels=labels, **keywords)
    return mu * contrastive + (1 - mu) * cosine_mse(queries, targets, scores, weights)


def pearson(
    queries: np.ndarray, targets: np.ndarray, scores: np.ndarray, weights: np.ndarray
) -> Any:
    mean = weights / weights.sum()
    c = cosines(queries, targets)
    c, y = c - mean @ c, scores - mean @ scores
    return 1 - mean @ (c * y) / np.sqrt((mean @ (c * c)) * (mean @ (y * y)))


def cosent(
    queries: np.ndarray,
    targets: np.ndarray,
    scores: np.ndarray,
    weights: np.ndarray,
    temperature: Any = 0.05,
) -> Any:
    c, rows = cosines(queries, targets), np.flatnonzero(weights)
    couples = [(i, j) for i in rows for j in rows if scores[i] > scores[j]]
    return minus_log_softmax(0.0, [(c[j] - c[i]) / temperature for i, j in couples])


def triplet(
    anchors: np.ndarray,
    positives: np.ndarray,
    negatives: np.ndarray,
    weights: np.ndarray,
    distance: str,
) -> Any:
    def far(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if distance == "cosine":
            return 1 - cosines(x, y)
        return np.sqrt(((x - y) ** 2).sum(axis=1))

    shortfall = far(anchors, positives) - far(anchors, negatives) + 0.5
    return (weights * np.where(shortfall.real > 0, shortfall, 0)).mean()


def gradients(f: Callable[..., Any], *arguments: Any) -> list[np.ndarray]:
    """The gradient of ``f`` with respect to each argument, entry by entry."""
    complex_arguments = [np.array(x, dtype=complex) for x in arguments]
    found = []
    for x in complex_arguments:
        gradient = np.empty(x.shape)
        for index in np.ndindex(x.shape):
            x[index] += 1j * STEP
            gradient[index] = np.imag(f(*complex_arguments)) / STEP
            x[index] = x[index].real
        found.append(gradient)
    return found
