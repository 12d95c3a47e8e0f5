from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses
from tests.losses import against_twin, contexts, twin
from tests.losses.scenes import (
    LABELS,
    POSITIVE_IDS,
    QUERIES,
    QUERY_IDS,
    TARGET_IDS,
    TARGETS,
    in_halves,
)
from tests.losses.test_cosine_mse import WEIGHTS

FLOAT64 = 1e-12
FLOAT32 = 5e-6
BFLOAT16_COSINE = 0.9999
SHARED = np.array([0.4, -1.5])  # temperature and bias
SCENES = {
    "plain": {"weights": WEIGHTS},
    "everything": {
        "labels": LABELS,
        "weights": WEIGHTS,
        "query_ids": QUERY_IDS,
        "target_ids": in_halves(TARGET_IDS),
        "positive_ids": in_halves(POSITIVE_IDS),
    },
}
BATCH = {"queries": QUERIES, "targets": TARGETS}

value_and_grad = jax.jit(jax.value_and_grad(losses.sigmoid, argnums=(0, 1)))


def loss(rows: Any, shared: Any, fixed: Any, axis_name: Any) -> jax.Array:
    return losses.sigmoid(
        **rows, **fixed, temperature=shared[0], bias=shared[1], axis_name=axis_name
    )


def softplus(x: Any) -> Any:
    return np.log1p(np.exp(x)) if x.real < 0 else x + np.log1p(np.exp(-x))


def of_twin(rows: Any, shared: Any, fixed: Any) -> Any:
    temperature, bias = shared
    q, t = (twin.normalized(x, x, "l2") for x in (rows["queries"], rows["targets"]))
    b = len(q)
    y, w = fixed.get("labels", np.ones(b)), fixed.get("weights", np.ones(b))
    shares = np.eye(b, dtype=bool)
    for name in ("query_ids", "target_ids"):
        if name in fixed:
            shares |= twin.same(fixed[name], fixed[name])
    if "positive_ids" in fixed:
        shares |= twin.among(fixed["target_ids"], fixed["positive_ids"])
    total = 0
    for i in range(b):
        logits = t @ q[i] / temperature + bias
        total += w[i] * (y[i] * softplus(-logits[i]) + (1 - y[i]) * softplus(logits[i]))
        total += w[i] * sum(softplus(logits[j]) for j in range(b) if not shares[i, j])
    return total / b


@pytest.mark.usefixtures("float64")
def test_two_pairs_have_the_loss_that_one_computes_by_hand() -> None:
    rows = jnp.eye(2)
    # Both cosines of pairs are 1 and the others 0: logits 2 + 1 and 0 + 1.
    by_hand = np.log1p(np.exp(-3)) + np.log1p(np.exp(1))
    found = losses.sigmoid(3 * rows, rows, temperature=0.5, bias=1)
    assert float(found) == pytest.approx(by_hand, rel=FLOAT64)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("context", "devices"), against_twin.SOMEWHERE)
def test_value_and_gradients_are_those_of_the_twin_on_the_whole_batch(
    context: str, devices: int
) -> None:
    scene = SCENES["everything"]
    against_twin.check(loss, of_twin, (BATCH, SHARED, scene), context, devices)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("context", ["eager", "jit", "shard_map_checked"])
def test_without_labels_and_ids_all_other_rows_are_negatives(context: str) -> None:
    against_twin.check(loss, of_twin, (BATCH, SHARED, SCENES["plain"]), context, 4)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(("context", "devices"), against_twin.EVERYWHERE)
def test_the_whole_product_of_contexts_devices_and_scenes(
    context: str, devices: int, scene: str
) -> None:
    against_twin.check(loss, of_twin, (BATCH, SHARED, SCENES[scene]), context, devices)


@pytest.mark.usefixtures("float64")
def test_the_devices_of_two_axes_are_one_ring() -> None:
    axes = ("x", "y")
    mesh = jax.make_mesh((2, 2), axes, axis_types=(jax.sharding.AxisType.Auto,) * 2)

    def mean_of_devices(queries: Any, targets: Any) -> Any:
        return jax.lax.pmean(losses.sigmoid(queries, targets, axis_name=axes), axes)

    split, whole = jax.sharding.PartitionSpec(axes), contexts.WHOLE
    mapped = jax.shard_map(mean_of_devices, mesh=mesh, in_specs=(split, split), out_specs=whole)
    on_many = jax.jit(jax.value_and_grad(mapped, argnums=(0, 1)))(QUERIES, TARGETS)
    on_one = value_and_grad(QUERIES, TARGETS)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=FLOAT64), on_many, on_one)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("alike", [(0,), (1,), (0, 1)])
def test_rows_that_all_devices_hold_alike_count_on_each(alike: tuple[int, ...]) -> None:
    def on_two(*sides: Any) -> Any:
        return jax.lax.pmean(losses.sigmoid(*sides, axis_name="devices"), "devices")

    def on_one(*sides: Any) -> Any:
        return losses.sigmoid(
            *(jnp.tile(x, (2, 1)) if side in alike else x for side, x in enumerate(sides))
        )

    specs = tuple(contexts.WHOLE if side in alike else contexts.SPLIT for side in range(2))
    mapped = jax.shard_map(
        on_two, mesh=contexts.make_mesh(2), in_specs=specs, out_specs=contexts.WHOLE
    )
    sides = [x[:4] if side in alike else x for side, x in enumerate((QUERIES, TARGETS))]
    found, expected = (
        jax.jit(jax.value_and_grad(f, argnums=(0, 1)))(*sides) for f in (mapped, on_one)
    )
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=FLOAT64), found, expected)


@pytest.mark.usefixtures("float64")
def test_a_labelled_negative_is_one_more_negative() -> None:
    found = losses.sigmoid(QUERIES[:1], TARGETS[:1], labels=np.zeros(1), temperature=1, bias=0)
    cosine = float(twin.cosines(QUERIES, TARGETS)[0])
    assert float(found) == pytest.approx(np.log1p(np.exp(cosine)), rel=FLOAT64)


@pytest.mark.usefixtures("float64")
def test_rows_with_one_target_are_no_negatives_of_each_other() -> None:
    both = np.zeros(2, np.int32)
    found = losses.sigmoid(QUERIES[:2], TARGETS[:2], target_ids=both)
    alone = [losses.sigmoid(QUERIES[i : i + 1], TARGETS[i : i + 1]) for i in range(2)]
    assert float(found) == pytest.approx(float(sum(alone)) / 2, rel=FLOAT64)


@pytest.mark.parametrize("temperature", [1e-4, 0.1])
def test_large_logits_zero_rows_duplicates_and_one_pair_are_finite(temperature: float) -> None:
    for q, t in (
        (QUERIES, TARGETS),
        (QUERIES, -QUERIES),
        (np.zeros_like(QUERIES), TARGETS),
        (np.ones((8, 3)), np.ones((8, 3))),
        (QUERIES[:1], TARGETS[:1]),
    ):
        value, gradients = value_and_grad(q, t, temperature=temperature)
        assert np.isfinite(value)
        assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_a_zero_row_gets_no_gradient() -> None:
    _, (of_queries, _) = value_and_grad(np.zeros((8, 3)), TARGETS)
    assert not np.any(of_queries)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("scale", [0.0, 0.1, 3.0])
def test_float32_keeps_its_digits_however_small_the_loss(scale: float) -> None:
    noise = np.asarray(scale * TARGETS, np.float32)
    queries, targets = np.eye(8, 3, dtype=np.float32), np.eye(8, 3, dtype=np.float32) + noise
    expected, of_expected = value_and_grad(queries.astype(float), targets.astype(float))
    found, of_found = value_and_grad(queries, targets)
    assert found.dtype == jnp.float32
    assert float(found) == pytest.approx(float(expected), rel=FLOAT32)
    for gradient, exact in zip(of_found, of_expected, strict=True):
        np.testing.assert_allclose(gradient, exact, atol=FLOAT32 * max(np.abs(exact).max(), 1e-3))


def test_bfloat16_embeddings_have_a_float32_loss_and_nearly_its_gradient() -> None:
    def both(dtype: Any) -> tuple[jax.Array, np.ndarray]:
        rows = (jnp.asarray(x, dtype) for x in (QUERIES, TARGETS))
        value, gradients = value_and_grad(*rows, temperature=0.4, bias=-1.5)
        return value, np.concatenate([np.asarray(x, float) for x in gradients]).ravel()

    _, a = both(jnp.float32)
    value, b = both(jnp.bfloat16)
    assert value.dtype == jnp.float32
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) >= BFLOAT16_COSINE


def on_devices(devices: int) -> Any:
    def of_device(queries: Any, targets: Any) -> Any:
        return jax.lax.pmean(losses.sigmoid(queries, targets, axis_name="devices"), "devices")

    mapped = jax.shard_map(
        of_device,
        mesh=contexts.make_mesh(devices),
        in_specs=(contexts.SPLIT, contexts.SPLIT),
        out_specs=contexts.WHOLE,
    )
    return jax.grad(mapped, argnums=(0, 1))


def test_targets_travel_and_are_never_gathered() -> None:
    rows = jax.ShapeDtypeStruct((32, 3), jnp.float32)
    text = str(jax.make_jaxpr(on_devices(4))(rows, rows))
    assert "ppermute[" in text
    assert "all_gather" not in text
    assert "all_to_all" not in text


@pytest.mark.parametrize(("own_rows", "features"), [(256, 8), (16, 1024)])
def test_a_devices_memory_is_that_of_one_block_however_many_devices(
    own_rows: int, features: int
) -> None:
    def temporary_bytes(devices: int) -> int:
        rows = jax.ShapeDtypeStruct((devices * own_rows, features), jnp.float32)
        compiled = jax.jit(on_devices(devices)).lower(rows, rows).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    block = 4 * (own_rows**2 + own_rows * features)
    few, many = temporary_bytes(4), temporary_bytes(8)
    assert many <= few + block // 10
    assert many <= 6 * block


@pytest.mark.usefixtures("float64")
def test_second_derivatives_are_the_same_on_many_devices() -> None:
    def of_gradients(gradient: Any) -> Any:
        def squared(queries: Any) -> Any:
            return sum(jnp.sum(jnp.square(x)) for x in gradient(queries, TARGETS))

        return jax.jit(jax.grad(squared))(QUERIES)

    on_one = of_gradients(jax.grad(losses.sigmoid, argnums=(0, 1)))
    np.testing.assert_allclose(of_gradients(on_devices(4)), on_one, rtol=1e-9, atol=FLOAT64)


def test_forward_mode_works_on_one_device_and_is_refused_by_name_on_many() -> None:
    tangents = jax.jvp(losses.sigmoid, (QUERIES, TARGETS), (QUERIES, TARGETS))
    assert np.isfinite(tangents).all()
    with pytest.raises(TypeError, match="forward-mode"):
        jax.vmap(
            lambda q: jax.jvp(lambda q: losses.sigmoid(q, q, axis_name="devices"), (q,), (q,)),
            axis_name="devices",
        )(np.ones((2, 3, 4)))


@pytest.mark.usefixtures("float64")
def test_a_gradient_taken_outside_is_right_of_pmap_and_refused_of_vmap() -> None:
    """The docstring says so; should jax give the second one, it has to follow."""
    devices = [x.reshape(2, 4, 3) for x in (QUERIES, TARGETS)]

    def on_two(mapped: Any) -> Any:
        of_device = mapped(lambda q, t: losses.sigmoid(q, t, axis_name="devices"), "devices")
        return jax.grad(lambda q, t: jnp.mean(of_device(q, t)), argnums=(0, 1))(*devices)

    for found, expected in zip(on_two(jax.pmap), value_and_grad(QUERIES, TARGETS)[1], strict=True):
        np.testing.assert_allclose(found.reshape(8, 3), expected, atol=FLOAT64)
    with pytest.raises(NameError, match="unbound axis name: devices"):
        on_two(lambda f, axis_name: jax.vmap(f, axis_name=axis_name))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"temperature": 0}, ValueError, "temperature must be > 0 and finite, got 0"),
        ({"bias": float("inf")}, ValueError, "bias must be finite, got inf; −log b suits"),
        ({"bias": np.ones(2)}, ValueError, r"bias must be one number, got shape \(2,\)"),
        ({"labels": LABELS[:3]}, ValueError, r"labels must hold one number a pair, shape \(8,\)"),
        ({"weights": LABELS[:3]}, ValueError, r"weights must hold one number a pair"),
        ({"query_ids": QUERY_IDS[:3]}, ValueError, r"query_ids must have shape \(8,\)"),
        ({"positive_ids": POSITIVE_IDS}, ValueError, "compared with target_ids, which were not"),
        ({"target_ids": LABELS}, TypeError, "target_ids must be integers, got float"),
        ({"targets": TARGETS[:3]}, ValueError, r"queries \(8, 3\), targets \(3, 3\)"),
    ],
)
def test_a_wrong_value_is_refused_with_the_remedy(
    keywords: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        losses.sigmoid(**{"queries": QUERIES, "targets": TARGETS} | keywords)
