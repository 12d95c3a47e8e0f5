"""What the tiled implementation promises beside being right: operations, memory, bytes, order."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses
from bscl_jax.losses._normalize import NORMALIZERS
from tests.losses import contexts, hlo
from tests.losses.scenes import SCENES, make_batch, make_loss

FLOAT64 = 1e-12
OPERATIONS = 8.2  # times N²·d: 8, and what tiles overlap
MIB = 2**20


def random_pairs(b: int, d: int, dtype: Any = jnp.float64) -> tuple[jax.Array, jax.Array]:
    return tuple(jax.random.normal(jax.random.key(i), (b, d), dtype) for i in (0, 1))


@functools.cache
def compiled(b: int, d: int, dtype: Any = jnp.float32, **keywords: Any) -> jax.stages.Compiled:
    loss = functools.partial(losses.batch_softmax, **keywords)
    rows = jax.ShapeDtypeStruct((b, d), dtype)
    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1))).lower(rows, rows).compile()


def compiled_ring(devices: int, b: int, d: int, dtype: Any, tile_size: int) -> jax.stages.Compiled:
    def loss(queries: jax.Array, targets: jax.Array) -> jax.Array:
        found = losses.batch_softmax(
            queries, targets, implementation="tiled", tile_size=tile_size, axis_name="devices"
        )
        return jax.lax.pmean(found, "devices")

    mapped = jax.shard_map(
        loss,
        mesh=contexts.make_mesh(devices),
        in_specs=contexts.SPLIT,
        out_specs=contexts.WHOLE,
    )
    rows = jax.ShapeDtypeStruct((b, d), dtype)
    return jax.jit(jax.value_and_grad(mapped, argnums=(0, 1))).lower(rows, rows).compile()


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("b", "d", "tile_size"),
    [(1, 1, 1), (2, 5, 1), (7, 3, 7), (7, 3, 8), (9, 2, 4), (33, 17, 8), (64, 1, 63)],
)
def test_any_batch_any_width_and_any_tile_give_what_the_matrix_gives(
    b: int, d: int, tile_size: int
) -> None:
    pairs = random_pairs(b, d)
    tiled = compiled(b, d, jnp.float64, implementation="tiled", tile_size=tile_size)(*pairs)
    dense = compiled(b, d, jnp.float64)(*pairs)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=FLOAT64, atol=FLOAT64), tiled, dense
    )


@pytest.mark.parametrize("implementation", ["tiled", "panels"])
@pytest.mark.parametrize("direction", ["both", "queries"])
@pytest.mark.parametrize(("b", "tile_size"), [(1024, 128), (1025, 512), (1021, 96)])
def test_one_tile_serves_both_directions(
    b: int, tile_size: int, direction: str, implementation: str
) -> None:
    how: dict[str, Any] = {"implementation": implementation, "tile_size": tile_size}
    program = compiled(b, 16, direction=direction, **how)
    operations = hlo.dot_operations(program) / (b * b * 16)
    assert 8 <= operations <= OPERATIONS


def test_the_count_of_operations_knows_those_of_the_matrix() -> None:
    assert hlo.dot_operations(compiled(256, 16)) == 6 * 256**2 * 16


@pytest.mark.parametrize("normalize", NORMALIZERS)
@pytest.mark.parametrize(("b", "d"), [(8_192, 384), (262_144, 384), (262_144, 64), (100_003, 100)])
def test_memory_is_that_of_the_embeddings_and_no_matrix(b: int, d: int, normalize: str) -> None:
    program = compiled(b, d, implementation="tiled", normalize=normalize)
    assert program.memory_analysis().temp_size_in_bytes <= 64 * MIB + 16 * b * d


def test_ids_labels_extra_candidates_and_a_trained_temperature_cost_no_more_memory() -> None:
    b, e, d = 262_144, 65_536, 64
    shaped = jax.ShapeDtypeStruct
    rows = {"queries": b, "targets": b, "extra_targets": e}
    ids = {"query_ids": b, "target_ids": b, "extra_ids": e}
    trained = {name: shaped((n, d), jnp.float32) for name, n in rows.items()}
    trained["temperature"] = shaped((), jnp.float32)
    given = {name: shaped((n, 2), jnp.uint32) for name, n in ids.items()}
    given["labels"] = shaped((b,), jnp.float32)

    def loss(trained: Any, given: Any) -> jax.Array:
        return losses.batch_softmax(**trained, **given, implementation="tiled")

    program = jax.jit(jax.value_and_grad(loss)).lower(trained, given).compile()
    assert program.memory_analysis().temp_size_in_bytes <= 64 * MIB + 16 * b * d


def test_bfloat16_costs_half_as_much_again_since_gradients_are_summed_in_float32() -> None:
    b, d = 262_144, 384
    program = compiled(b, d, jnp.bfloat16, implementation="tiled")
    assert program.memory_analysis().temp_size_in_bytes <= 64 * MIB + 24 * b * d


def test_two_runs_are_bitwise_equal() -> None:
    pairs = random_pairs(301, 24, jnp.float32)
    program = compiled(301, 24, implementation="tiled", tile_size=32)
    first, second = program(*pairs), program(*pairs)
    jax.tree.map(np.testing.assert_array_equal, first, second)


def test_forward_mode_is_refused_and_says_why() -> None:
    pairs = random_pairs(4, 2, jnp.float32)
    loss = functools.partial(losses.batch_softmax, implementation="tiled")
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(loss, pairs, pairs)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("scene", ["everything", "all_in_one"])
def test_second_derivatives_are_those_of_the_matrix(scene: str) -> None:
    def curvature(**how: Any) -> Any:
        loss = make_loss(SCENES[scene], **how)
        rows, temperature, fixed = make_batch(SCENES[scene], jnp.float64)

        def slope(rows: Any, temperature: Any) -> jax.Array:
            gradient = jax.grad(loss, argnums=(0, 1))(rows, temperature, fixed, None)
            return sum(jnp.sum(jnp.sin(x)) for x in jax.tree.leaves(gradient))

        return jax.jit(jax.grad(slope, argnums=(0, 1)))(rows, temperature)

    dense, tiled = curvature(), curvature(implementation="tiled", tile_size=3)
    scale = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(dense))
    tolerance = FLOAT64 * scale
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=tolerance), tiled, dense)


# The ring


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("implementation", ["tiled", "panels"])
def test_second_derivatives_are_the_same_on_two_devices(implementation: str) -> None:
    pairs = random_pairs(4, 3)

    def curvature(loss: Any) -> Any:
        def slope(*pairs: jax.Array) -> jax.Array:
            return sum(jnp.sum(jnp.sin(x)) for x in jax.grad(loss, argnums=(0, 1))(*pairs))

        return jax.jit(jax.grad(slope, argnums=(0, 1)))(*pairs)

    def on_two(*pairs: jax.Array) -> jax.Array:
        found = losses.batch_softmax(
            *pairs, implementation=implementation, tile_size=1, axis_name="devices"
        )
        return jax.lax.pmean(found, "devices")

    mapped = jax.shard_map(
        on_two, mesh=contexts.make_mesh(2), in_specs=contexts.SPLIT, out_specs=contexts.WHOLE
    )
    dense, ring = curvature(losses.batch_softmax), curvature(mapped)
    tolerance = FLOAT64 * max(float(jnp.abs(x).max()) for x in dense)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=tolerance), ring, dense)


@pytest.mark.parametrize("devices", [2, 4, 8])
def test_the_ring_sends_bfloat16_and_never_gathers(devices: int) -> None:
    b, d = 512, 256
    program = compiled_ring(devices, b, d, jnp.bfloat16, tile_size=32)
    text = program.as_text()
    assert "all-gather" not in text
    assert "all-to-all" not in text
    allowed = 8 * b * d * (devices - 1) / devices
    assert allowed / 2 <= hlo.bytes_sent(program) <= allowed


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_a_device_of_the_ring_works_on_its_share_in_the_memory_of_its_share(dtype: Any) -> None:
    b, d = 16_384, 64
    on_two, on_eight = (compiled_ring(x, b, d, dtype, tile_size=128) for x in (2, 8))
    for devices, program in ((2, on_two), (8, on_eight)):
        memory = program.memory_analysis().temp_size_in_bytes
        assert memory <= MIB + 12 * 4 * b * d / devices
        assert hlo.dot_operations(program) <= OPERATIONS * b * b * d / devices


def ancestors(body: Any, equation: Any) -> list[Any]:
    """What has to be done in a loop's body before one of its equations."""
    made_by = {id(x): other for other in body.eqns for x in other.outvars}
    found, open_ = [], [equation]
    while open_:
        makers = [made_by.get(id(x)) for x in open_.pop().invars]
        new = [x for x in makers if x is not None and not any(x is y for y in found)]
        found += new
        open_ += new
    return found


def test_the_next_block_travels_while_the_one_at_hand_is_worked_on() -> None:
    loss = functools.partial(
        losses.batch_softmax, implementation="tiled", tile_size=2, axis_name="devices"
    )
    pairs = random_pairs(4, 3, jnp.float32)
    slope = jax.value_and_grad(loss, argnums=(0, 1))
    traced = jax.make_jaxpr(slope, axis_env=[("devices", 4)])(*pairs)
    loops = [x.params["jaxpr"].jaxpr for x in traced.eqns if x.primitive.name == "scan"]
    hops = 0
    for body in loops:
        sent = [x for x in body.eqns if x.primitive.name == "custom_jvp_call"]
        for block in (x for x in sent if "ppermute" in str(x)):  # embeddings, as bits
            (work,) = (x for x in body.eqns if x.primitive.name == "scan")
            assert not any(x is work for x in ancestors(body, block))
            assert not any(x is block for x in ancestors(body, work))
            hops += 1
    assert hops == 2  # there, and back
