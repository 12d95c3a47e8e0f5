"""The loss of the whole batch and its gradients, wherever the loss is called from.

By default every context meets one scene on every number of devices; ``-m slow`` runs the product.
"""

import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import AxisType, PartitionSpec

from bscl_jax import losses
from tests.losses import contexts
from tests.losses.scenes import (
    EXTRAS,
    HOW,
    QUERIES,
    SCENES,
    TARGETS,
    Scene,
    each_way,
    expected,
    make_batch,
    make_loss,
)

TOLERANCE = 1e-12
FLOAT32 = 2e-6
BFLOAT16_COSINE = 0.9999
DEVICES = (1, 2, 4, 8)
MANY = list(itertools.product(contexts.ON_MANY_DEVICES, DEVICES))
ALL = [*itertools.product(contexts.ON_ONE_DEVICE, (1,)), *MANY]
NAMES = list(SCENES)


def check(context: str, devices: int, scene: str, how: str, dtype: Any = jnp.float64) -> None:
    call = (contexts.ON_ONE_DEVICE | contexts.ON_MANY_DEVICES)[context]
    loss, batch = make_loss(SCENES[scene], **HOW[how]), make_batch(SCENES[scene], dtype)

    value, (of_rows, of_temperature) = call(loss, devices, *batch)

    tolerance = TOLERANCE if dtype == jnp.float64 else FLOAT32
    expected_value, expected_gradients = expected(scene, dtype)
    np.testing.assert_allclose(value, expected_value, rtol=tolerance)
    for name, gradient in (of_rows | {"temperature": of_temperature}).items():
        of_twin = expected_gradients[name]
        if gradient.dtype == jnp.bfloat16 and np.any(of_twin):
            assert cosine(gradient, of_twin) >= BFLOAT16_COSINE, name
            continue
        scale = tolerance * float(np.abs(of_twin).max())
        np.testing.assert_allclose(gradient, of_twin, rtol=0, atol=scale, err_msg=name)


def cosine(x: Any, y: np.ndarray) -> float:
    x, y = np.ravel(x).astype(np.float64), np.ravel(y)
    return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))


def test_the_scenes_have_every_value_of_a_keyword_beside_every_value_of_each_other() -> None:
    def values(scene: Scene) -> tuple[Any, ...]:
        ids = [kind in scene.ids for kind in "qt2"]
        return (scene.normalize, scene.direction, scene.reduction, scene.labels, scene.extras, *ids)

    found = np.array([values(scene) for scene in SCENES.values()], dtype=str).T
    for x, y in itertools.combinations(found, 2):
        together = set(zip(x, y, strict=True))
        assert together == set(itertools.product(x, y))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("scene", NAMES)
def test_jit_gives_the_loss_and_gradients_of_the_twin(scene: str, how: str) -> None:
    check("jit", 1, scene, how)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("how", HOW)
def test_eager_gives_the_loss_and_gradients_of_the_twin(how: str) -> None:
    check("eager", 1, "plain", how)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("context", "devices"), MANY)
def test_many_devices_give_the_loss_and_gradients_of_the_whole_batch(
    context: str, devices: int, how: str
) -> None:
    others = NAMES[1:]
    turn = MANY.index((context, devices)) + 5 * list(HOW).index(how)
    check(context, devices, "everything" if devices == 4 else others[turn % len(others)], how)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    ("context", "devices", "scene"),
    [
        ("jit", 1, "all_in_one"),
        ("jit", 1, "columns_by_row"),
        ("jit", 1, "plain"),
        ("shard_map_checked", 4, "everything"),
    ],
)
def test_narrower_types_are_as_close_as_they_can_be(
    context: str, devices: int, scene: str, how: str, dtype: Any
) -> None:
    check(context, devices, scene, how, dtype)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("scene", NAMES)
@pytest.mark.parametrize(("context", "devices"), ALL)
def test_the_whole_product_of_contexts_devices_and_scenes(
    context: str, devices: int, scene: str, how: str, dtype: Any
) -> None:
    check(context, devices, scene, how, dtype)


@pytest.mark.usefixtures("float64")
def test_the_devices_of_two_axes_together_are_one_batch() -> None:
    scene = SCENES["everything"]
    loss, batch = make_loss(scene), make_batch(scene, jnp.float64)
    mesh = jax.make_mesh((2, 2), ("x", "y"), axis_types=(AxisType.Auto,) * 2)
    split, axes = PartitionSpec(("x", "y")), ("x", "y")
    mapped = jax.shard_map(
        lambda *arguments: lax.pmean(loss(*arguments, axes), axes),
        mesh=mesh,
        in_specs=(split, PartitionSpec(), split),
        out_specs=PartitionSpec(),
    )
    value, gradients = jax.jit(jax.value_and_grad(mapped))(*batch)
    expected_value, expected_gradients = expected("everything")
    np.testing.assert_allclose(value, expected_value, rtol=TOLERANCE)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected_gradients[name], atol=TOLERANCE)


@pytest.mark.usefixtures("float64")
@each_way
@pytest.mark.parametrize("alike", ["queries", "targets", "extra_targets", "all"])
def test_rows_that_all_devices_hold_alike_count_on_each(alike: str, how: Any) -> None:
    given = {"queries": QUERIES[:2], "targets": TARGETS[:2], "extra_targets": EXTRAS[:2]}
    whole = {name for name in given if alike in (name, "all")}

    def on_two(rows: Any) -> jax.Array:
        found = losses.batch_softmax(**rows, temperature=0.5, axis_name="devices", **how)
        return lax.pmean(found, "devices")

    def on_one(rows: Any) -> jax.Array:
        twice = {name: jnp.tile(x, (2, 1)) if name in whole else x for name, x in rows.items()}
        return losses.batch_softmax(**twice, temperature=0.5)

    specs = {name: contexts.WHOLE if name in whole else contexts.SPLIT for name in given}
    mapped = jax.shard_map(
        on_two, mesh=contexts.make_mesh(2), in_specs=(specs,), out_specs=contexts.WHOLE
    )
    rows = {name: x if name in whole else jnp.tile(x, (2, 1)) for name, x in given.items()}
    found, expected = (jax.jit(jax.value_and_grad(f))(rows) for f in (mapped, on_one))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=TOLERANCE), found, expected)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("context", ["shard_map_checked", "pmap"])
def test_ties_in_a_column_share_its_gradient_across_devices(context: str) -> None:
    scene = SCENES["everything"]
    rows, temperature, fixed = make_batch(scene, jnp.float64)
    rows["queries"] = rows["queries"].at[5].set(rows["queries"][0])
    rows["targets"] = jnp.round(rows["targets"])
    batch = (rows, temperature, fixed)
    on_one = contexts.jit(make_loss(scene), 1, *batch)
    on_many = contexts.ON_MANY_DEVICES[context](make_loss(scene), 8, *batch)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=TOLERANCE), on_many, on_one)


@pytest.mark.usefixtures("float64")
def test_the_unreduced_loss_under_check_vma_has_a_gradient_too_large_by_the_devices() -> None:
    """The trap that the docstring's table warns of; should jax change, the table has to follow."""
    scene = SCENES["plain"]
    loss, batch = make_loss(scene), make_batch(scene, jnp.float64)

    def of_temperature(*arguments: Any) -> jax.Array:
        return lax.pmean(jax.grad(loss, argnums=1)(*arguments, "devices"), "devices")

    mapped = jax.shard_map(
        of_temperature,
        mesh=contexts.make_mesh(4),
        in_specs=(contexts.SPLIT, contexts.WHOLE, contexts.SPLIT),
        out_specs=contexts.WHOLE,
    )
    right = expected("plain")[1]["temperature"]
    np.testing.assert_allclose(jax.jit(mapped)(*batch), 4 * right, rtol=TOLERANCE)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("loss", [losses.batch_softmax, losses.sigmoid, losses.triplet])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_no_type_is_promoted_unasked_on_many_devices(loss: Any, dtype: Any) -> None:
    rows = jax.ShapeDtypeStruct((2, 4, 3), dtype)
    mapped = jax.vmap(functools.partial(loss, axis_name="devices"), axis_name="devices")
    with jax.numpy_dtype_promotion("strict"):
        assert jax.eval_shape(mapped, rows, rows).dtype == dtype


def test_only_the_targets_and_the_columns_sums_travel() -> None:
    def loss(queries: jax.Array, targets: jax.Array) -> jax.Array:
        return losses.batch_softmax(queries, targets, axis_name="devices")

    traced = jax.make_jaxpr(loss, axis_env=[("devices", 4)])(np.ones((2, 3)), np.ones((2, 3)))
    text = str(traced)
    gathered = [line.split(" = ")[0] for line in text.splitlines() if "all_gather[" in line]
    assert sorted(line.split(":")[-1] for line in gathered) == ["f32[8,3]", "i32[8]"]
    assert text.count("all_to_all[") == 2  # a sum of exponentials is two numbers
    assert text.count("dot_general[") == 1
