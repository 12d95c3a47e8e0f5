"""The cached gradient on many devices: the same, and summed over them once a step."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import PartitionSpec

from bscl_jax import gradients, losses, parallel
from bscl_jax.gradients import ValueAndGrad
from tests.gradients import compiled, toy
from tests.gradients.same import SAME_IN_FLOAT32, SAME_IN_FLOAT64, assert_same

ROWS, CHUNK_SIZES, DEVICES = 16, [3, 8], [1, 2, 4, 8]
"""Chunks of three rows divide no device's rows; eight rows are one of each of eight devices."""

WHOLE, SPLIT = PartitionSpec(), PartitionSpec(parallel.AXIS)


def compute_on(devices: int, precision: str, *, encode: Any = toy.encode, **options: Any):
    """Compute on a mesh: plainly, or in chunks where options has their size."""
    dtype = np.dtype(precision).type
    mesh = parallel.make_mesh(devices)
    params = parallel.replicate(toy.make_params(dtype=dtype), mesh)
    batch = parallel.place(toy.make_batch(ROWS, dtype=dtype), mesh)
    return jax.jit(make(encode, options, mesh))(params, batch, jax.random.key(5))


def make(encode: Any, options: dict, mesh: jax.sharding.Mesh) -> ValueAndGrad:
    if not options:
        return gradients.value_and_grad(encode, toy.loss)
    given = mesh if options["knows_mesh"] else None
    return gradients.cached_value_and_grad(
        encode, toy.loss, chunk_size=options["chunk_size"], mesh=given
    )


@pytest.mark.parametrize("devices", DEVICES[1:])
def test_the_plain_gradient_on_many_devices_equals_that_of_one(devices: int, float64: None) -> None:
    assert_same(compute_on(devices, "float64"), compute_on(1, "float64"), SAME_IN_FLOAT64)


@pytest.mark.parametrize("chunk_size", CHUNK_SIZES)
@pytest.mark.parametrize("devices", DEVICES)
def test_the_cached_gradient_on_many_devices_equals_the_plain_one(
    devices: int, chunk_size: int, float64: None
) -> None:
    cached = compute_on(devices, "float64", chunk_size=chunk_size, knows_mesh=True)
    assert_same(cached, compute_on(1, "float64"), SAME_IN_FLOAT64)


@pytest.mark.parametrize(("devices", "chunk_size"), [(2, 8), (4, 8), (8, 8), (8, 3)])
def test_left_to_the_compiler_the_cached_gradient_equals_the_plain_one(
    devices: int, chunk_size: int, float64: None
) -> None:
    cached = compute_on(devices, "float64", chunk_size=chunk_size, knows_mesh=False)
    assert_same(cached, compute_on(1, "float64"), SAME_IN_FLOAT64)


@pytest.mark.parametrize("knows_mesh", [False, True])
def test_untied_towers_on_many_devices_have_the_plain_gradient(
    knows_mesh: bool, float64: None
) -> None:
    towers = (toy.encode, toy.encode_targets)
    cached = compute_on(4, "float64", encode=towers, chunk_size=6, knows_mesh=knows_mesh)
    assert_same(cached, compute_on(1, "float64", encode=towers), SAME_IN_FLOAT64)


@pytest.mark.parametrize("options", [{}, {"chunk_size": 8, "knows_mesh": True}])
def test_gradients_on_many_devices_equal_those_of_one_in_single_precision(options: dict) -> None:
    assert_same(compute_on(8, "float32", **options), compute_on(1, "float32"), SAME_IN_FLOAT32)


def test_a_chunk_smaller_than_the_mesh_is_one_row_a_device(float64: None) -> None:
    cached = compute_on(8, "float64", chunk_size=1, knows_mesh=True)
    assert_same(cached, compute_on(1, "float64"), SAME_IN_FLOAT64)


def softmax(axis_name: str | None) -> gradients.Loss:
    return lambda params, queries, targets, _: losses.batch_softmax(
        queries, targets, temperature=jnp.exp(params["log_temperature"]), axis_name=axis_name
    )


def mean_softmax(*arguments: Any) -> jax.Array:
    return lax.pmean(softmax(parallel.AXIS)(*arguments), parallel.AXIS)


def pmean(tree: Any) -> Any:
    return lax.pmean(tree, parallel.AXIS)


def under_pmap(make: Any, params: dict, batch: Any, key: jax.Array | None) -> tuple:
    """Return (loss, grads) of make(encode, loss) mapped as ``batch_softmax`` says."""
    compute = make(toy.encode, softmax(parallel.AXIS))
    rows = jax.tree.map(lambda leaf: leaf.reshape(4, -1, *leaf.shape[1:]), batch)
    mapped = jax.pmap(
        lambda params, batch, key: pmean(compute(params, batch, own(key))),
        axis_name=parallel.AXIS,
        in_axes=(None, 0, None),
        devices=jax.devices()[:4],
    )
    return jax.tree.map(lambda leaf: leaf[0], mapped(params, rows, key))


def under_checked_shard_map(make: Any, *arguments: Any) -> tuple:
    compute = make(toy.encode, mean_softmax)
    return shard_map(lambda params, batch, key: compute(params, batch, own(key)), arguments)


def under_unchecked_shard_map(make: Any, *arguments: Any) -> tuple:
    compute = make(toy.encode, softmax(parallel.AXIS))
    return shard_map(
        lambda params, batch, key: pmean(compute(params, batch, own(key))),
        arguments,
        check_vma=False,
    )


def under_shard_map_with_own_params(make: Any, *arguments: Any) -> tuple:
    """Hand each device params of its own, so that their gradient is not summed in the loop."""
    compute = make(toy.encode, softmax(parallel.AXIS))

    def each(params: dict, batch: Any, key: jax.Array | None) -> tuple:
        params = lax.pcast(params, parallel.AXIS, to="varying")
        return pmean(compute(params, batch, own(key)))

    return shard_map(each, arguments)


def own(key: jax.Array | None) -> jax.Array | None:
    """Return this device's key."""
    return None if key is None else jax.random.fold_in(key, lax.axis_index(parallel.AXIS))


def shard_map(function: Any, arguments: tuple, **options: Any) -> tuple:
    specs: dict[str, Any] = {"in_specs": (WHOLE, SPLIT, WHOLE), "out_specs": WHOLE}
    mesh = parallel.make_mesh(4)
    return jax.jit(jax.shard_map(function, mesh=mesh, **specs, **options))(*arguments)


MAPPED = [
    under_pmap,
    under_checked_shard_map,
    under_unchecked_shard_map,
    under_shard_map_with_own_params,
]


def in_chunks(encode: gradients.Encode, loss: gradients.Loss) -> ValueAndGrad:
    """Four rows a device are two and two of them, the last repeated."""
    return gradients.cached_value_and_grad(encode, loss, chunk_size=3)


@pytest.mark.parametrize("mapped", MAPPED)
def test_mapped_by_the_caller_the_cached_gradient_is_that_of_the_whole_batch(
    mapped: Any, float64: None
) -> None:
    arguments = toy.make_params(), toy.make_batch(ROWS), None
    whole = jax.jit(gradients.value_and_grad(toy.encode, softmax(None)))(*arguments)
    assert_same(mapped(in_chunks, *arguments), whole, SAME_IN_FLOAT64)


@pytest.mark.parametrize("mapped", MAPPED)
def test_mapped_by_the_caller_the_cached_gradient_equals_the_plain_one_with_dropout_on(
    mapped: Any, float64: None
) -> None:
    arguments = toy.make_params(), toy.make_batch(ROWS), jax.random.key(3)
    plain = mapped(gradients.value_and_grad, *arguments)
    assert_same(mapped(in_chunks, *arguments), plain, SAME_IN_FLOAT64)


HIDDEN, MANY_ROWS = 256, 256


def compile_on_eight(chunk_size: int, *, knows_mesh: bool) -> jax.stages.Compiled:
    mesh = parallel.make_mesh(8)
    options = {"chunk_size": chunk_size, "knows_mesh": knows_mesh}
    params = parallel.replicate(toy.make_params(dtype=np.float32, hidden=HIDDEN), mesh)
    batch = parallel.place(toy.make_batch(MANY_ROWS, dtype=np.float32), mesh)
    compute = jax.jit(make(toy.encode, options, mesh))
    return compute.lower(params, batch, jax.random.key(0)).compile()


@pytest.mark.parametrize("chunk_size", [8, 64, 96])
def test_the_gradients_of_params_are_summed_over_devices_once(chunk_size: int) -> None:
    program = compile_on_eight(chunk_size, knows_mesh=True)
    parameters = toy.count_params(HIDDEN)
    # What else is summed is the loss's: the gradients of the targets and of the rows' sums.
    of_the_loss = MANY_ROWS * (toy.FEATURES + 1) + 1
    sums = compiled.count(program, "all-reduce")
    assert parameters <= sum(sums) <= parameters + 1 + of_the_loss


def test_left_to_the_compiler_they_are_summed_once_a_chunk() -> None:
    """Shows that the count above counts; where this fails, ``mesh`` is needed no more."""
    sums = compiled.count(compile_on_eight(64, knows_mesh=False), "all-reduce")
    chunks, towers = MANY_ROWS // 64, 2
    assert sum(sums) >= chunks * towers * toy.count_params(HIDDEN)


@pytest.mark.parametrize("knows_mesh", [False, True])
def test_each_device_encodes_its_own_rows_and_sends_none(knows_mesh: bool) -> None:
    program = compile_on_eight(64, knows_mesh=knows_mesh).as_text() or ""
    # A chunk of 64 texts is 8 to a device; tokens (integers) never travel.
    assert "s32[8,4]" in program
    assert "s32[64,4]" not in program
