from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses
from tests.losses import against_twin, twin
from tests.losses.scenes import LABELS, QUERIES
from tests.losses.test_cosine_mse import WEIGHTS

FLOAT64 = 1e-12
FLOAT32 = 5e-6
BFLOAT16_COSINE = 0.9999
TEMPERATURE = 0.4
# Three of a kind, two pairs, one alone; partners stand 1 to 7 rows apart.
CLASSES = np.array([7, 1, 2, 7, 1, -3, 2, 7], dtype=np.int32)
# Rows 0 and 7 are one text in one class, 1 and 3 in two, 2, 4 and 5 in three.
TEXT_IDS = np.array([0, 1, 2, 1, 2, 2, 6, 0], dtype=np.int32)
SCENES = {
    "weighted": {"labels": CLASSES, "weights": WEIGHTS},
    "texts": {"labels": CLASSES, "weights": WEIGHTS, "text_ids": TEXT_IDS},
    "plain": {"labels": CLASSES},
}
BATCH = {"embeddings": QUERIES}

value_and_grad = jax.jit(jax.value_and_grad(losses.supervised))


def loss(rows: Any, shared: Any, fixed: Any, axis_name: Any) -> jax.Array:
    return losses.supervised(**rows, **fixed, temperature=shared, axis_name=axis_name)


def of_twin(rows: Any, temperature: Any, fixed: Any) -> Any:
    x = rows["embeddings"]
    s = twin.normalized(x, x, "l2") @ twin.normalized(x, x, "l2").T / temperature
    b, classes = len(x), fixed["labels"]
    w, total = fixed.get("weights", np.ones(b)), 0
    texts = fixed.get("text_ids", np.arange(b))
    for i in range(b):
        others = [a for a in range(b) if a != i]
        positives = [p for p in others if classes[p] == classes[i]]
        for p in positives:
            kept = [a for a in others if classes[a] == classes[i] or texts[a] != texts[i]]
            against = [s[i, a] for a in kept if a != p]
            total += w[i] * twin.minus_log_softmax(s[i, p], against) / len(positives)
    return total / b


@pytest.mark.usefixtures("float64")
def test_three_rows_have_the_loss_that_one_computes_by_hand() -> None:
    embeddings = jnp.array([[2.0, 0], [0, 1], [1, 0]])
    found = losses.supervised(embeddings, jnp.array([4, 4, 9]), temperature=1)
    # Row 0: cosine 0 with its positive, 1 with row 2; row 1: 0 and 0; row 2 has no positive.
    by_hand = (np.log(1 + np.e) + np.log(2)) / 3
    assert float(found) == pytest.approx(by_hand, rel=FLOAT64)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("context", "devices"), against_twin.SOMEWHERE)
def test_value_and_gradients_are_those_of_the_twin_on_the_whole_batch(
    context: str, devices: int
) -> None:
    batch = (BATCH, TEMPERATURE, SCENES["texts"])
    against_twin.check(loss, of_twin, batch, context, devices)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(("context", "devices"), against_twin.EVERYWHERE)
def test_the_whole_product_of_contexts_devices_and_scenes(
    context: str, devices: int, scene: str
) -> None:
    against_twin.check(loss, of_twin, (BATCH, TEMPERATURE, SCENES[scene]), context, devices)


@pytest.mark.usefixtures("float64")
def test_without_ids_each_row_is_a_text_of_its_own() -> None:
    found = losses.supervised(QUERIES, CLASSES, weights=WEIGHTS, temperature=TEMPERATURE)
    expected = of_twin(BATCH, TEMPERATURE, SCENES["weighted"])
    assert float(found) == pytest.approx(float(expected), rel=FLOAT64)
    ids = losses.supervised(QUERIES, CLASSES, text_ids=TEXT_IDS, weights=WEIGHTS, temperature=0.4)
    assert float(ids) < 0.99 * float(found)


@pytest.mark.usefixtures("float64")
def test_pairs_are_the_loss_of_all_texts_against_all_others() -> None:
    """Two rows a label: the softmax of MoCo and SimCLR, here over queries and targets stacked."""
    both = np.concatenate([QUERIES[:4], QUERIES[4:]])
    found = losses.supervised(both, np.tile(np.arange(4), 2), temperature=0.5)
    s = 2 * twin.normalized(both, both, "l2") @ twin.normalized(both, both, "l2").T
    s = np.where(np.eye(8, dtype=bool), -np.inf, s)
    terms = np.log(np.exp(s).sum(axis=1)) - s[np.arange(8), (np.arange(8) + 4) % 8]
    assert float(found) == pytest.approx(terms.mean(), rel=FLOAT64)


@pytest.mark.parametrize("classes", [np.arange(8), np.arange(8) - 2**31])
def test_rows_without_positives_contribute_nothing(classes: np.ndarray) -> None:
    value, gradient = value_and_grad(QUERIES, classes)
    assert float(value) == 0
    assert not np.any(gradient)


def test_one_row_has_no_loss_and_no_gradient() -> None:
    value, gradient = value_and_grad(QUERIES[:1], CLASSES[:1])
    assert float(value) == 0
    assert not np.any(gradient)


@pytest.mark.usefixtures("float64")
def test_equal_labels_and_equal_rows_leave_the_logarithm_of_the_number_of_positives() -> None:
    value, gradient = value_and_grad(np.ones((8, 3)), np.zeros(8, np.int32))
    assert float(value) == pytest.approx(np.log(7), rel=FLOAT64)
    np.testing.assert_allclose(gradient, 0, atol=FLOAT64)


@pytest.mark.usefixtures("float64")
def test_the_order_of_the_rows_and_the_names_of_the_labels_do_not_count() -> None:
    order = np.array([3, 0, 7, 1, 6, 2, 5, 4])
    found = losses.supervised(QUERIES[order], CLASSES[order] * 5 + 1)
    assert float(found) == pytest.approx(float(losses.supervised(QUERIES, CLASSES)), rel=FLOAT64)


@pytest.mark.parametrize("temperature", [1e-4, 0.1])
@pytest.mark.parametrize("classes", [CLASSES, np.zeros(8, np.int32)])
def test_large_logits_zero_rows_and_duplicates_are_finite(
    temperature: float, classes: np.ndarray
) -> None:
    for rows in (QUERIES, np.zeros((8, 3)), np.ones((8, 3)), np.tile([[1.0], [-1.0]], (4, 3))):
        value, gradient = value_and_grad(rows, classes, temperature=temperature)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("classes", "lowest", "highest"),
    [(np.tile(np.arange(4), 2), 1e-5, 1e-3), (np.tile(np.arange(2), 4), 1, 2)],
    ids=["one positive", "three positives"],
)
def test_float32_keeps_its_digits_where_the_positives_have_won(
    classes: np.ndarray, lowest: float, highest: float
) -> None:
    rows = (np.eye(8, 8)[classes] + 0.05 * np.tile(QUERIES, 3)[:, :8]).astype(np.float32)
    expected, of_expected = value_and_grad(rows.astype(float), classes)
    found, gradient = value_and_grad(rows, classes)
    assert lowest < float(expected) < highest
    assert float(found) == pytest.approx(float(expected), rel=FLOAT32)
    np.testing.assert_allclose(gradient, of_expected, atol=FLOAT32 * np.abs(of_expected).max())


def test_bfloat16_embeddings_have_a_float32_loss_and_nearly_its_gradient() -> None:
    _, exact = value_and_grad(jnp.asarray(QUERIES, jnp.float32), CLASSES)
    value, found = value_and_grad(jnp.asarray(QUERIES, jnp.bfloat16), CLASSES)
    assert value.dtype == jnp.float32
    a, b = (np.asarray(x, float).ravel() for x in (exact, found))
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) >= BFLOAT16_COSINE


def test_no_type_is_promoted_unasked() -> None:
    expected = losses.supervised(QUERIES, CLASSES)
    with jax.numpy_dtype_promotion("strict"):
        assert losses.supervised(QUERIES, CLASSES) == expected


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        ((QUERIES[0], CLASSES), {}, ValueError, r"embeddings must have shape \(b, d\).*\(3,\)"),
        ((QUERIES[:0], CLASSES), {}, ValueError, r"d ≥ 1; got shape \(0, 3\)"),
        ((QUERIES[:, :0], CLASSES), {}, ValueError, r"d ≥ 1; got shape \(8, 0\)"),
        ((CLASSES[:, None], CLASSES), {}, TypeError, "embeddings must be floating point, got int"),
        ((QUERIES, CLASSES[:2]), {}, ValueError, r"labels must hold one number a pair.*\(8,\)"),
        ((QUERIES, CLASSES.tolist()), {}, TypeError, "labels must be an array.*got a list; pass"),
        ((QUERIES, LABELS), {}, TypeError, "labels must be integers, got float.*hash what makes"),
        ((QUERIES, CLASSES), {"text_ids": TEXT_IDS[:2]}, ValueError, "text_ids must hold one num"),
        ((QUERIES, CLASSES), {"text_ids": LABELS}, TypeError, "text_ids must be integers, got fl"),
        ((QUERIES, CLASSES), {"weights": LABELS[:2]}, ValueError, "weights must hold one number"),
        ((QUERIES, CLASSES), {"temperature": -1}, ValueError, "temperature must be > 0"),
    ],
)
def test_a_wrong_value_is_refused_with_the_remedy(
    arguments: Any, keywords: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        losses.supervised(*arguments, **keywords)
