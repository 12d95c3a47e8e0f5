from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses
from tests.losses import contexts, twin
from tests.losses.scenes import EXTRA_IDS, EXTRAS, QUERIES, QUERY_IDS, TARGET_IDS, TARGETS
from tests.losses.test_cosine_mse import SCORES, WEIGHTS

FLOAT64 = 1e-12
KEYWORDS: dict[str, Any] = {"mu": 0.3, "threshold": 0.5, "reduction": "positives"}
ARRAYS = {"query_ids": QUERY_IDS, "target_ids": TARGET_IDS, "extra_ids": EXTRA_IDS}


def loss(rows: Any, shared: Any, fixed: Any, axis_name: Any) -> jax.Array:
    return losses.combo(**rows, **fixed, temperature=shared, axis_name=axis_name, **KEYWORDS)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("context", ["jit", "shard_map_checked", "shard_map_unchecked"])
def test_value_and_gradients_are_those_of_the_twin_on_the_whole_batch(context: str) -> None:
    rows = {"queries": QUERIES, "targets": TARGETS, "extra_targets": EXTRAS}
    fixed = ARRAYS | {"scores": SCORES, "weights": WEIGHTS}
    call = (contexts.ON_ONE_DEVICE | contexts.ON_MANY_DEVICES)[context]
    batch = jax.tree.map(jnp.asarray, (rows, 0.4, fixed))
    value, (of_rows, of_temperature) = call(loss, 4, *batch)

    def of_twin(queries: Any, targets: Any, extra_targets: Any, temperature: Any) -> Any:
        arrays: dict[str, Any] = fixed | {"extra_targets": extra_targets}
        return twin.combo(queries, targets, temperature=temperature, **arrays, **KEYWORDS)

    arguments = (*rows.values(), np.array(0.4))
    np.testing.assert_allclose(value, of_twin(*arguments), rtol=FLOAT64)
    expected = twin.gradients(of_twin, *arguments)
    found = (*(of_rows[name] for name in rows), of_temperature)
    for gradient, of_expected in zip(found, expected, strict=True):
        np.testing.assert_allclose(gradient, of_expected, rtol=FLOAT64, atol=FLOAT64)


@pytest.mark.usefixtures("float64")
def test_mu_mixes_the_two_losses() -> None:
    contrastive = losses.batch_softmax(QUERIES, TARGETS, labels=SCORES >= 0.5)
    squared = losses.cosine_mse(QUERIES, TARGETS, SCORES)
    for mu in (0, 0.25, 1):
        found = losses.combo(QUERIES, TARGETS, SCORES, mu=mu)
        expected = mu * float(contrastive) + (1 - mu) * float(squared)
        assert float(found) == pytest.approx(expected, rel=FLOAT64)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("at_threshold", "labels"), [("positive", SCORES >= 0.7), ("negative", SCORES > 0.7)]
)
def test_a_score_equal_to_the_threshold_is_what_the_caller_says(
    at_threshold: str, labels: np.ndarray
) -> None:
    found = losses.combo(QUERIES, TARGETS, SCORES, mu=1, threshold=0.7, at_threshold=at_threshold)
    expected = losses.batch_softmax(QUERIES, TARGETS, labels=labels)
    assert float(found) == pytest.approx(float(expected), rel=FLOAT64)
    assert (SCORES == 0.7).any()


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("of_embeddings", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("of_scores", [jnp.bfloat16, jnp.float32])
def test_a_score_of_six_tenths_of_any_type_stands_at_a_threshold_of_six_tenths(
    of_embeddings: Any, of_scores: Any
) -> None:
    scores = (jnp.asarray([3.0, 5.0]) / 5).astype(of_scores)
    keywords: dict[str, Any] = {"mu": 1, "threshold": 0.6, "reduction": "none"}
    queries, targets = (jnp.asarray(x[:2], of_embeddings) for x in (QUERIES, TARGETS))
    included = losses.combo(queries, targets, scores, **keywords)
    left_out = losses.combo(queries, targets, scores, at_threshold="negative", **keywords)
    assert bool(included[0] > 0)
    assert bool(left_out[0] == 0)


def test_whole_numbers_are_scores_too() -> None:
    whole = np.round(SCORES).astype(np.int32)
    found = losses.combo(QUERIES, TARGETS, whole, threshold=0.6)
    assert found == losses.combo(QUERIES, TARGETS, whole.astype(np.float32), threshold=0.6)


@pytest.mark.usefixtures("float64")
def test_a_row_of_weight_zero_has_no_term_and_stays_a_candidate() -> None:
    keywords: dict[str, Any] = {"mu": 0.5, "reduction": "none"}
    weighted = losses.combo(QUERIES, TARGETS, SCORES, weights=WEIGHTS, **keywords)
    plain = losses.combo(QUERIES, TARGETS, SCORES, **keywords)
    np.testing.assert_allclose(weighted, plain * WEIGHTS, rtol=FLOAT64)
    mean = losses.combo(QUERIES, TARGETS, SCORES, weights=WEIGHTS, mu=0.5)
    assert float(mean) == pytest.approx(float(weighted.mean()), rel=FLOAT64)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"mu": 1.5}, "mu must be between 0 and 1.*got 1.5"),
        ({"mu": -0.5}, "mu must be between 0 and 1.*got -0.5"),
        (
            {"at_threshold": "both"},
            "at_threshold must be one of 'positive', 'negative'; got 'both'",
        ),
        ({"weights": WEIGHTS[:3]}, r"weights must hold one number a pair, shape \(8,\)"),
        ({"temperature": 0}, "temperature must be > 0"),
    ],
)
def test_a_wrong_value_is_refused_with_the_remedy(keywords: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        losses.combo(QUERIES, TARGETS, SCORES, **keywords)
