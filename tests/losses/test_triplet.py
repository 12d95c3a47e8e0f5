import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses
from tests.losses import against_twin, twin
from tests.losses.scenes import (
    EXTRAS,
    LABELLED_NEGATIVES,
    POSITIVE_IDS,
    QUERIES,
    QUERY_IDS,
    TARGET_IDS,
    TARGETS,
    in_halves,
)
from tests.losses.test_cosine_mse import WEIGHTS

FLOAT64 = 1e-12
BFLOAT16_COSINE = 0.9999
IDS = {"query_ids": QUERY_IDS, "target_ids": in_halves(TARGET_IDS)}
SCENES = {
    "hard": (
        {"mining": "hard", "distance": "euclidean"},
        IDS | {"weights": WEIGHTS, "positive_ids": in_halves(POSITIVE_IDS)},
    ),
    "labelled": (
        {"mining": "hard", "distance": "euclidean"},
        IDS | {"weights": WEIGHTS, "labelled_negatives": LABELLED_NEGATIVES},
    ),
    "hard cosine": ({"mining": "hard", "distance": "cosine"}, IDS),
    "semi-hard": ({"mining": "semi-hard", "distance": "euclidean"}, {"weights": WEIGHTS}),
    "semi-hard cosine": ({"mining": "semi-hard", "distance": "cosine"}, IDS | {"weights": WEIGHTS}),
}
BATCH = {"anchors": QUERIES, "positives": TARGETS}

far = {
    "euclidean": lambda x, y: np.sqrt(((x - y) ** 2).sum()),
    "cosine": lambda x, y: 1 - twin.cosines(x[np.newaxis], y[np.newaxis])[0],
}


def check(scene: str, context: str, devices: int) -> None:
    keywords, fixed = SCENES[scene]

    def loss(rows: Any, shared: Any, fixed: Any, axis_name: Any) -> jax.Array:
        return shared * losses.triplet(**rows, **fixed, **keywords, margin=0.8, axis_name=axis_name)

    def of_twin(rows: Any, shared: Any, fixed: Any) -> Any:
        return shared * mined(**rows, **fixed, **keywords)

    against_twin.check(loss, of_twin, (BATCH, 1.5, fixed), context, devices)


def mined(
    anchors: np.ndarray,
    positives: np.ndarray,
    *,
    distance: str,
    mining: str,
    weights: np.ndarray | None = None,
    query_ids: np.ndarray | None = None,
    target_ids: np.ndarray | None = None,
    positive_ids: np.ndarray | None = None,
    labelled_negatives: np.ndarray | None = None,
) -> Any:
    b, total = len(anchors), 0
    weights = np.ones(b) if weights is None else weights
    shares = np.eye(b, dtype=bool)
    if query_ids is not None:
        known = np.zeros(b, dtype=bool) if labelled_negatives is None else labelled_negatives
        shares |= twin.same(query_ids, query_ids) & ~known
    if target_ids is not None:
        shares |= twin.same(target_ids, target_ids)
    if positive_ids is not None:
        shares |= twin.among(target_ids, positive_ids)
    for i in range(b):
        own = far[distance](anchors[i], positives[i])
        others = [far[distance](anchors[i], positives[j]) for j in range(b) if not shares[i, j]]
        others.sort(key=np.real)
        if mining == "semi-hard":
            others = [x for x in others if x.real > own.real] or others[-1:]
        shortfall = own - others[0] + 0.8 if others else 0
        total += weights[i] * shortfall if np.real(shortfall) > 0 else 0
    return total / b


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_value_and_gradients_are_those_of_the_twin(distance: str) -> None:
    arguments = (QUERIES, TARGETS, EXTRAS)
    keywords: dict[str, Any] = {"distance": distance, "weights": WEIGHTS}
    loss = functools.partial(losses.triplet, **keywords)
    value, gradients = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))(*arguments)
    of_twin = functools.partial(twin.triplet, **keywords)
    np.testing.assert_allclose(value, of_twin(*arguments), rtol=FLOAT64)
    for gradient, expected in zip(gradients, twin.gradients(of_twin, *arguments), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=FLOAT64, atol=FLOAT64)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("scene", SCENES)
def test_searched_negatives_give_value_and_gradients_of_the_twin(scene: str) -> None:
    check(scene, "jit", 1)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("scene", ["hard", "labelled"])
@pytest.mark.parametrize(("context", "devices"), against_twin.SOMEWHERE[1:])
def test_negatives_are_searched_on_all_devices(context: str, devices: int, scene: str) -> None:
    check(scene, context, devices)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(("context", "devices"), against_twin.EVERYWHERE)
def test_the_whole_product_of_contexts_devices_and_scenes(
    context: str, devices: int, scene: str
) -> None:
    check(scene, context, devices)


@pytest.mark.parametrize(
    ("mining", "by_hand"),
    [
        # Distances of the positives 1, 2.5, 9 and 0.2 from the anchor 0, margin 3. Row 0 alone
        # has weight: its positive is at 1, the nearest negative at 0.2, the next beyond at 2.5.
        ("hard", 1 - 0.2 + 3),
        ("semi-hard", 1 - 2.5 + 3),
    ],
)
def test_the_negative_is_the_one_that_one_finds_by_hand(mining: str, by_hand: float) -> None:
    anchors, positives = jnp.zeros((4, 1)), jnp.array([[1.0], [2.5], [9.0], [0.2]])
    weights = jnp.array([1.0, 0, 0, 0])
    found = losses.triplet(anchors, positives, margin=3, mining=mining, weights=weights)
    assert float(found) == pytest.approx(by_hand / 4, rel=1e-6)


def test_with_all_negatives_nearer_than_the_positive_the_semi_hard_one_is_the_farthest() -> None:
    anchors, positives = jnp.zeros((3, 1)), jnp.array([[5.0], [1.0], [2.0]])
    weights = jnp.array([1.0, 0, 0])
    found = losses.triplet(anchors, positives, mining="semi-hard", weights=weights)
    assert float(found) == pytest.approx((5 - 2 + 0.5) / 3, rel=1e-6)


def test_of_equally_far_negatives_the_first_gets_the_gradient() -> None:
    anchors, weights = jnp.zeros((3, 2)), jnp.array([1.0, 0, 0])
    positives = jnp.array([[3.0, 0], [0, 3.0], [-3.0, 0]])
    gradient = jax.grad(losses.triplet, argnums=1)(anchors, positives, weights=weights)
    assert np.any(gradient, axis=1).tolist() == [True, True, False]


@pytest.mark.parametrize(
    "keywords",
    [{"query_ids": np.zeros(8, np.int32)}, {"target_ids": np.zeros((8, 2), np.int32)}],
)
def test_rows_without_a_negative_left_contribute_nothing(keywords: Any) -> None:
    for distance in ("euclidean", "cosine"):
        value, gradients = jax.value_and_grad(losses.triplet, argnums=(0, 1))(
            jnp.asarray(QUERIES), jnp.asarray(TARGETS), distance=distance, **keywords
        )
        assert float(value) == 0
        assert not any(np.any(gradient) for gradient in gradients)


def test_the_target_of_a_labelled_negative_is_a_negative_of_the_other_rows_of_its_query() -> None:
    anchors, positives = jnp.zeros((3, 1)), jnp.array([[1.0], [0.2], [9.0]])
    known: dict[str, Any] = {
        "weights": jnp.array([1.0, 0, 0]),
        "query_ids": np.array([4, 4, 5]),
        "target_ids": np.array([0, 1, 2]),
    }
    found = losses.triplet(
        anchors, positives, labelled_negatives=np.array([False, True, False]), **known
    )
    assert float(found) == pytest.approx((1 - 0.2 + 0.5) / 3, rel=1e-6)
    assert float(losses.triplet(anchors, positives, **known)) == 0


def test_one_pair_has_no_negative() -> None:
    value, gradient = jax.value_and_grad(losses.triplet)(QUERIES[:1], TARGETS[:1])
    assert float(value) == 0
    assert not np.any(gradient)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("mining", ["hard", "semi-hard"])
def test_zero_rows_duplicates_and_large_numbers_are_finite(distance: str, mining: str) -> None:
    loss = jax.jit(
        jax.value_and_grad(
            functools.partial(losses.triplet, distance=distance, mining=mining), argnums=(0, 1)
        )
    )
    for rows in (np.zeros((8, 3)), np.ones((8, 3)), 1e4 * QUERIES):
        value, gradients = loss(rows, TARGETS)
        assert np.isfinite(value)
        assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.usefixtures("float64")
def test_given_negatives_that_are_the_hardest_make_the_same_loss() -> None:
    squared = ((QUERIES[:, np.newaxis] - TARGETS[np.newaxis]) ** 2).sum(axis=-1)
    nearest = np.argmin(squared + np.diag(np.full(8, np.inf)), axis=1)
    given = losses.triplet(QUERIES, TARGETS, TARGETS[nearest])
    assert float(given) == pytest.approx(float(losses.triplet(QUERIES, TARGETS)), rel=FLOAT64)


def test_negatives_farther_away_than_the_margin_cost_nothing() -> None:
    anchors = jnp.asarray(QUERIES)
    assert float(losses.triplet(anchors, anchors, anchors + 1.0)) == 0
    assert float(losses.triplet(anchors, anchors, anchors + 1.0, margin=2)) > 0


def test_equal_embeddings_cost_the_margin_and_get_no_gradient() -> None:
    value, gradient = jax.value_and_grad(losses.triplet)(*(jnp.asarray(QUERIES),) * 3)
    assert float(value) == 0.5
    assert not np.any(gradient)


def test_bfloat16_embeddings_have_a_float32_loss_and_nearly_its_gradient() -> None:
    def both(dtype: Any) -> tuple[jax.Array, np.ndarray]:
        rows = (jnp.asarray(x, dtype) for x in (QUERIES, TARGETS))
        value, gradients = jax.value_and_grad(losses.triplet, argnums=(0, 1))(*rows)
        return value, np.concatenate([np.asarray(x, float) for x in gradients]).ravel()

    _, a = both(jnp.float32)
    value, b = both(jnp.bfloat16)
    assert value.dtype == jnp.float32
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) >= BFLOAT16_COSINE


@pytest.mark.usefixtures("unchecked")
def test_a_wrong_value_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="distance must be one of 'euclidean', 'cosine'"):
        losses.triplet(QUERIES, TARGETS, EXTRAS, distance="manhattan")
    with pytest.raises(ValueError, match="mining must be one of 'hard', 'semi-hard'; got 'soft'"):
        losses.triplet(QUERIES, TARGETS, mining="soft")
    with pytest.raises(ValueError, match=r"anchors \(8, 3\), positives \(8, 3\), negatives \(4, 3"):
        losses.triplet(QUERIES, TARGETS, EXTRAS[:4])
    with pytest.raises(ValueError, match=r"anchors \(8, 3\), positives \(4, 3\)$"):
        losses.triplet(QUERIES, TARGETS[:4])
    with pytest.raises(ValueError, match=r"weights must hold one number a pair, shape \(8,\)"):
        losses.triplet(QUERIES, TARGETS, weights=WEIGHTS[:4])
    with pytest.raises(ValueError, match="target_ids choose among the batch, and negatives were"):
        losses.triplet(QUERIES, TARGETS, EXTRAS, target_ids=TARGET_IDS)
    with pytest.raises(ValueError, match="labelled_negatives choose among the batch, and neg"):
        losses.triplet(QUERIES, TARGETS, EXTRAS, labelled_negatives=LABELLED_NEGATIVES)
    with pytest.raises(TypeError, match="labelled_negatives must be bool, got float"):
        losses.triplet(QUERIES, TARGETS, labelled_negatives=WEIGHTS)
    with pytest.raises(ValueError, match="positive_ids are compared with target_ids"):
        losses.triplet(QUERIES, TARGETS, positive_ids=POSITIVE_IDS)
    with pytest.raises(ValueError, match=r"query_ids must have shape \(8,\)"):
        losses.triplet(QUERIES, TARGETS, query_ids=QUERY_IDS[:4])
