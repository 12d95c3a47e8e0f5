"""Combinations of keywords that, together, have every value of each beside every other's.

``test_everywhere`` holds that of normalize, direction, reduction, labels, extra targets and ids.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses
from tests.losses import twin

B, E, D = 8, 8, 3
TEMPERATURE = 0.4

RANDOM = np.random.default_rng(20)
QUERIES, TARGETS, EXTRAS = (RANDOM.normal(size=(rows, D)) for rows in (B, B, E))
LABELS = np.array([1.0, 0.0, 0.5, 1.0, 0.25, 0.0, 1.0, 1.0])
LABELLED_NEGATIVES = np.array([0, 1, 0, 0, 1, 0, 1, 1], dtype=bool)
# Of one sign, lest the temperature's gradient cancel to less than float32 knows of its terms.
COEFFICIENTS = np.abs(RANDOM.normal(size=B))
# Equal texts stand 1 to 7 rows apart, so that they meet across 2, 4 and 8 devices.
QUERY_IDS = np.array([7, 1, 2, 3, 3, 1, 4, 7], dtype=np.int32)
TARGET_IDS = np.array([5, 6, 0, 6, 1, 2, 5, 3], dtype=np.int32)
# Of two rows one id is of a target that is one by no other mark; a row without any has its own.
POSITIVE_IDS = np.array(
    [[2, 9], [6, 6], [1, 5], [6, 3], [8, 0], [2, 2], [0, 1], [7, 5]], dtype=np.int32
)
EXTRA_IDS = np.array([9, 5, 0, 8, 3, 9, 6, 7], dtype=np.int32)


def in_halves(ids: np.ndarray) -> np.ndarray:
    """64-bit ids of which either half alone would match too much."""
    return np.stack([ids // 3, ids % 3], axis=-1).astype(np.uint32)


class Scene(NamedTuple):
    normalize: str
    direction: str
    reduction: str
    labels: bool = False
    extras: bool = False
    ids: str = ""  # of "q", "t", "e", "p"; "2" for ids in halves
    known: bool = False
    further: tuple[tuple[str, Any], ...] = ()

    def keywords(self) -> dict[str, Any]:
        named = {"normalize", "direction", "reduction"}
        return {name: getattr(self, name) for name in sorted(named)} | dict(self.further)

    def rows(self) -> dict[str, np.ndarray]:
        """What is split over the devices and differentiated."""
        rows = {"queries": QUERIES, "targets": TARGETS}
        return rows | ({"extra_targets": EXTRAS} if self.extras else {})

    def fixed(self) -> dict[str, np.ndarray]:
        """What is split over the devices and not differentiated."""
        ids = {
            "q": ("query_ids", QUERY_IDS),
            "t": ("target_ids", TARGET_IDS),
            "e": ("extra_ids", EXTRA_IDS),
            "p": ("positive_ids", POSITIVE_IDS),
        }
        named = dict(ids[x] for x in self.ids if x != "2")
        if "2" in self.ids:
            named = {name: in_halves(values) for name, values in named.items()}
        named |= {"labelled_negatives": LABELLED_NEGATIVES} if self.known else {}
        return named | ({"labels": LABELS} if self.labels else {})


SCENES = {
    "everything": Scene("range", "both", "positives", True, True, "qte"),
    "plain": Scene("l2", "both", "batch"),
    "labelled_columns": Scene("l2_columns", "targets", "batch", labels=True, ids="q"),
    "rows_in_halves": Scene("minmax", "queries", "none", False, True, "qte2"),
    "raw_columns": Scene("none", "targets", "none", ids="t"),
    "raw_in_halves": Scene("none", "both", "batch", extras=True, ids="q2"),
    "targets_of_positives": Scene("l2", "targets", "positives", True, True, "t2"),
    "rows_of_range": Scene("range", "queries", "batch", extras=True),
    "columns_by_row": Scene("l2_columns", "both", "none", True, True, "te"),
    "unit_columns_of_rows": Scene("l2_columns", "queries", "positives", ids="q2"),
    "minmax_columns": Scene("minmax", "targets", "batch", True, ids="q"),
    "labelled_rows": Scene("none", "queries", "positives", True, True, "qte"),
    "all_in_one": Scene(
        "l2",
        "both",
        "batch",
        True,
        True,
        "qte",
        True,
        (("partition", "joint"), ("same_side", "both")),
    ),
    "known": Scene("l2", "queries", "none", True, ids="qt", known=True),
    "known_in_halves": Scene("range", "targets", "batch", ids="qt2", known=True),
    "hard": Scene("l2", "both", "batch", False, True, "q", further=(("hardness_strength", 2.0),)),
    "hard_extras": Scene(
        "range",
        "queries",
        "none",
        extras=True,
        further=(
            ("hardness_strength", 3.0),
            ("hardness_mode", "extra"),
            ("same_side", "targets"),
            ("partition", "joint"),
        ),
    ),
    "positives": Scene(
        "range",
        "both",
        "none",
        True,
        True,
        "qtep",
        True,
        (("same_side", "both"), ("hardness_strength", 2.0)),
    ),
    "positives_in_halves": Scene("l2", "both", "batch", ids="tp2"),
    "same_sides": Scene(
        "minmax", "both", "positives", True, ids="t", further=(("same_side", "both"),)
    ),
}

# Three does not divide the eight rows, so that tiles overlap.
HOW: dict[str, dict[str, Any]] = {
    "dense": {"implementation": "dense"},
    "tiled": {"implementation": "tiled", "tile_size": 3},
    "panels": {"implementation": "panels", "tile_size": 3},
}
each_way = pytest.mark.parametrize("how", HOW.values(), ids=HOW)


def make_loss(scene: Scene, **how: Any) -> Any:
    """The scene's loss in the form that contexts take; terms by row are summed with weights."""

    def loss(rows: Any, shared: Any, fixed: Any, axis_name: Any) -> jax.Array:
        fixed = dict(fixed)
        coefficients = fixed.pop("coefficients")
        found = losses.batch_softmax(
            **rows, **fixed, temperature=shared, axis_name=axis_name, **scene.keywords(), **how
        )
        return jnp.mean(found * coefficients) if scene.reduction == "none" else found

    return loss


def make_batch(scene: Scene, dtype: Any) -> tuple[Any, Any, Any]:
    """The scene's arrays; the embeddings are of the type, other numbers of float32 or wider."""
    wide = jnp.promote_types(dtype, jnp.float32)
    rows = {name: jnp.asarray(x, dtype) for name, x in scene.rows().items()}
    fixed = {name: jnp.asarray(x) for name, x in scene.fixed().items()}
    fixed["coefficients"] = jnp.asarray(COEFFICIENTS, wide)
    if "labels" in fixed:
        fixed["labels"] = fixed["labels"].astype(wide)
    return rows, jnp.asarray(TEMPERATURE, wide), fixed


@functools.cache
def expected(name: str, dtype: Any = jnp.float64) -> tuple[float, dict[str, np.ndarray]]:
    """The twin's loss and gradients at the embeddings as rounded to the type."""
    scene = SCENES[name]
    names = [*scene.rows(), "temperature"]

    def loss(*arguments: Any) -> Any:
        found = twin.batch_softmax(
            **dict(zip(names, arguments, strict=True)), **scene.fixed(), **scene.keywords()
        )
        return (found * COEFFICIENTS).mean() if scene.reduction == "none" else found

    rounded = [np.asarray(x, np.float64) for x in make_batch(scene, dtype)[0].values()]
    arguments = [*rounded, np.array(TEMPERATURE)]
    found = twin.gradients(loss, *arguments)
    return float(np.real(loss(*arguments))), dict(zip(names, found, strict=True))
