import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses
from bscl_jax.losses._normalize import NORMALIZERS
from bscl_jax.losses._terms import DIRECTIONS
from tests.losses import twin
from tests.losses.scenes import (
    EXTRAS,
    LABELS,
    QUERIES,
    QUERY_IDS,
    TARGET_IDS,
    TARGETS,
    each_way,
)
from tests.losses.softmax_calls import (
    FLOAT32,
    FLOAT64,
    assert_close,
    assert_finite,
    evaluate,
)

FLOAT32_SMALL_LOSS = 5e-6
DIFFERENCES = 1e-7
ONE_ROUNDING = 1.01 * 2**-8  # of the eight bits of bfloat16

# Edges


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("normalize", NORMALIZERS)
@each_way
def test_one_pair_alone_has_no_loss_and_no_gradient(normalize: str, how: dict[str, Any]) -> None:
    found = evaluate(QUERIES[:1], TARGETS[:1], normalize=normalize, **how)
    assert all(bool(jnp.all(leaf == 0)) for leaf in jax.tree.leaves(found))


@pytest.mark.usefixtures("float64")
@each_way
def test_no_positive_ids_at_all_are_as_none(how: dict[str, Any]) -> None:
    ids = {"target_ids": TARGET_IDS}
    found = evaluate(arrays=ids | {"positive_ids": np.zeros((8, 0), np.int32)}, **how)
    assert_close(found, evaluate(arrays=ids), FLOAT64)


@pytest.mark.parametrize("normalize", NORMALIZERS)
def test_a_gradient_of_bfloat16_is_that_of_float32_rounded_once(normalize: str) -> None:
    batch = *(jnp.asarray(x, jnp.bfloat16) for x in (QUERIES, TARGETS)), 0.5
    _, narrow = evaluate(*batch, dtype=jnp.bfloat16, normalize=normalize)
    _, wide = evaluate(*batch, dtype=jnp.float32, normalize=normalize)
    for found, expected in zip(narrow[:2], wide[:2], strict=True):
        np.testing.assert_allclose(found.astype(float), expected, rtol=ONE_ROUNDING, atol=1e-6)


@pytest.mark.parametrize(
    ("normalize", "dtype"),
    [*((name, jnp.float32) for name in NORMALIZERS), ("l2", jnp.bfloat16), ("range", jnp.float16)],
)
@each_way
def test_zero_rows_and_constant_columns_have_finite_values_and_gradients(
    normalize: str, dtype: Any, how: dict[str, Any]
) -> None:
    queries, targets = QUERIES.copy(), TARGETS.copy()
    queries[:, 0], targets[:, 1] = 2.0, 0.0
    queries[3], targets[4] = 0.0, 0.0
    assert_finite(evaluate(queries, targets, normalize=normalize, dtype=dtype, **how))
    assert_finite(
        evaluate(np.zeros((8, 3)), np.zeros((8, 3)), normalize=normalize, dtype=dtype, **how)
    )


@pytest.mark.usefixtures("float64")
@each_way
def test_a_zero_row_gets_no_gradient_and_equals_every_candidate(how: dict[str, Any]) -> None:
    queries = QUERIES.copy()
    queries[3] = 0
    _, (of_queries, _, _) = evaluate(queries, direction="queries", **how)
    terms = losses.batch_softmax(queries, TARGETS, direction="queries", reduction="none", **how)
    assert not np.any(of_queries[3])
    assert float(terms[3]) == pytest.approx(np.log(8), rel=FLOAT64)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("normalize", ["range", "minmax"])
def test_a_constant_column_is_a_column_that_is_not_there(normalize: str) -> None:
    constant = np.full((8, 1), 0.1)
    value, (of_queries, of_targets, _) = evaluate(
        np.hstack([QUERIES, constant]), np.hstack([TARGETS, constant]), normalize=normalize
    )
    without, (of_fewer, of_fewer_targets, _) = evaluate(normalize=normalize)
    assert_close(
        (value, of_queries[:, :3], of_targets[:, :3]),
        (without, of_fewer, of_fewer_targets),
        FLOAT64,
    )
    assert not np.any(of_queries[:, 3])


@pytest.mark.parametrize(("dtype", "tolerance"), [(jnp.float32, FLOAT32), (jnp.float64, FLOAT64)])
@pytest.mark.usefixtures("float64")
@each_way
def test_logits_of_ten_thousand_have_the_twins_value_and_gradient(
    dtype: Any, tolerance: float, how: dict[str, Any]
) -> None:
    queries = np.array([[1e4, 0], [-1e4, 0], [0, 1e4], [0, 0]])
    targets = np.array([[-1.0, 1], [-1, 0], [1, 0.5], [1, 1]])
    loss = functools.partial(twin.batch_softmax, temperature=1.0, normalize="none")
    found = evaluate(queries, targets, 1.0, normalize="none", dtype=dtype, **how)
    assert_finite(found)
    expected = loss(queries, targets), *twin.gradients(loss, queries, targets)
    assert_close((found[0], *found[1][:2]), expected, tolerance)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("normalize", NORMALIZERS)
@each_way
def test_a_nan_in_a_target_is_not_hidden_from_any_row(normalize: str, how: dict[str, Any]) -> None:
    targets = TARGETS.copy()
    targets[2, 1] = np.nan
    keywords: dict[str, Any] = {"normalize": normalize, "reduction": "none"}
    assert np.all(np.isnan(losses.batch_softmax(QUERIES, targets, **keywords, **how)))


# Types and precision


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_the_loss_is_float32_and_the_gradients_have_the_type_of_the_input(dtype: Any) -> None:
    value, gradients = evaluate(dtype=dtype)
    assert value.dtype == jnp.float32
    assert {gradient.dtype for gradient in gradients} == {jnp.dtype(dtype)}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("turn", "temperature", "size"),
    [
        (0.8, 0.07, 1e-6),
        (1.0, 0.07, 1.6e-4),
        (1.1, 0.07, 2.3e-3),
        (1.2, 0.07, 3.5e-2),
        (1.57, 0.07, 6.8),
        (1.57, 0.002, 239),
        (3.1, 0.002, 948),
    ],
)
@each_way
def test_float32_keeps_its_digits_from_a_loss_of_a_millionth_to_a_thousand(
    turn: float, temperature: float, size: float, how: dict[str, Any]
) -> None:
    # Two pairs on a circle; the targets turn from their own query towards the other one.
    angles = np.array([0.0, np.pi - 0.5])
    turned = angles + turn * np.array([1, -1])
    queries, targets = (
        np.stack([np.cos(x), np.sin(x)], axis=1).astype(np.float32) for x in (angles, turned)
    )
    temperature = float(np.float32(temperature))
    expected = evaluate(queries, targets, temperature, **how)
    assert float(expected[0]) == pytest.approx(size, rel=0.05)
    assert_close(
        evaluate(queries, targets, temperature, dtype=jnp.float32, **how),
        expected,
        FLOAT32_SMALL_LOSS,
    )


def test_code_that_allows_no_implicit_promotion_may_call_the_loss() -> None:
    arrays = {
        "labels": jnp.asarray(LABELS, jnp.bfloat16),
        "extra_targets": jnp.asarray(EXTRAS, jnp.float16),
        "target_ids": jnp.asarray(TARGET_IDS, jnp.uint32),
        "extra_ids": jnp.asarray(TARGET_IDS, jnp.int32),
    }
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        found = evaluate(dtype=jnp.bfloat16, arrays=arrays, normalize="minmax")
    assert_finite(found)


# Derivatives and cost


@pytest.mark.usefixtures("float64")
def test_forward_mode_and_second_derivatives_agree_with_reverse_mode_and_differences() -> None:
    def loss(arguments: Any) -> jax.Array:
        queries, targets, temperature = arguments
        return losses.batch_softmax(
            queries, targets, temperature=temperature, query_ids=QUERY_IDS, normalize="minmax"
        )

    @jax.jit
    def derivatives(point: Any, way: Any) -> Any:
        gradient, forward_over_reverse = jax.jvp(jax.grad(loss), (point,), (way,))
        forward = jax.jvp(loss, (point,), (way,))[1]
        reverse_over_reverse = jax.grad(lambda x: jax.jvp(loss, (x,), (way,))[1])(point)
        return forward, dot(gradient, way), forward_over_reverse, reverse_over_reverse, gradient

    def dot(a: Any, b: Any) -> Any:
        products = jax.tree.map(lambda x, y: jnp.sum(x * y), a, b)
        return sum(jax.tree.leaves(products))

    def moved(step: float) -> Any:
        return jax.tree.map(lambda x, y: x + step * y, point, way)

    point = (jnp.asarray(QUERIES), jnp.asarray(TARGETS), jnp.asarray(0.4))
    way = (jnp.asarray(EXTRAS), jnp.asarray(EXTRAS[::-1]), jnp.asarray(0.1))
    forward, reverse, twice, twice_again, _ = derivatives(point, way)
    ahead, behind = (derivatives(moved(step), way)[4] for step in (1e-6, -1e-6))
    assert_close(forward, reverse, FLOAT64)
    assert_close(twice, twice_again, FLOAT64)
    assert_close(twice, jax.tree.map(lambda x, y: (x - y) / 2e-6, ahead, behind), DIFFERENCES)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_forward_and_backward_multiply_matrices_three_times(direction: str) -> None:
    """2 b² d operations each: the similarities serve both directions."""

    def loss(queries: Any, targets: Any) -> jax.Array:
        return losses.batch_softmax(queries, targets, direction=direction)

    traced = jax.make_jaxpr(jax.value_and_grad(loss, argnums=(0, 1)))(QUERIES, TARGETS)
    assert str(traced).count("dot_general[") == 3
