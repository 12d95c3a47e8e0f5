import jax
import numpy as np
import pytest

from bscl_jax import parallel
from bscl_jax.types import PairBatch, TokenBatch


def make_batch(rows: int) -> PairBatch:
    tokens = TokenBatch(
        np.arange(rows * 3, dtype=np.int32).reshape(rows, 3), np.ones((rows, 3), bool)
    )
    ones, ids = np.ones(rows, np.float32), np.arange(rows, dtype=np.int32)
    return PairBatch(tokens, tokens, ones, ones, ids, ids)


@pytest.mark.parametrize("devices", [1, 2, 8])
def test_place_gives_each_device_its_rows_in_order(devices: int) -> None:
    batch = make_batch(16)
    placed = parallel.place(batch, parallel.make_mesh(devices))
    assert isinstance(placed, PairBatch)
    per_device = 16 // devices
    for shard in placed.queries.ids.addressable_shards:
        first = shard.device.id * per_device
        np.testing.assert_array_equal(shard.data, batch.queries.ids[first : first + per_device])


def test_place_keeps_values_and_types() -> None:
    batch = make_batch(8)
    placed = parallel.place(batch, parallel.make_mesh(4))
    for before, after in zip(jax.tree.leaves(batch), jax.tree.leaves(placed), strict=True):
        np.testing.assert_array_equal(before, after)
        assert before.dtype == after.dtype


def test_a_placed_batch_does_not_change_when_the_host_array_is_overwritten() -> None:
    host = np.zeros((8, 64), np.float32)
    placed = parallel.place(host, parallel.make_mesh(1))
    jax.block_until_ready(placed)
    host[:] = 1
    assert not np.asarray(placed).any()


def test_one_cpu_is_one_device() -> None:
    assert [parallel.is_one_cpu(parallel.make_mesh(devices)) for devices in (1, 2)] == [True, False]


def test_feed_leaves_a_batch_to_a_cpu_that_is_one_device_as_it_is() -> None:
    batch = make_batch(8)
    assert parallel.feed(batch, parallel.make_mesh(1)) is batch


def test_feed_places_a_batch_that_several_devices_share() -> None:
    fed = parallel.feed(make_batch(8), parallel.make_mesh(4))
    assert [len(leaf.addressable_shards) for leaf in jax.tree.leaves(fed)] == [4] * 8


def test_feed_checks_rows_as_place_does() -> None:
    with pytest.raises(ValueError, match="same number of rows"):
        parallel.feed({"ids": np.ones(4), "odd": np.ones(3)}, parallel.make_mesh(1))


def test_a_batch_size_that_devices_do_not_divide_is_an_error_that_names_sizes_that_do() -> None:
    with pytest.raises(
        ValueError, match="got 30 rows for 8 devices; take a batch size of 24 or 32"
    ):
        parallel.place(make_batch(30), parallel.make_mesh(8))


def test_a_batch_smaller_than_the_mesh_is_told_the_one_size_that_fits() -> None:
    with pytest.raises(ValueError, match="take a batch size of 8, or fewer devices"):
        parallel.place(make_batch(3), parallel.make_mesh(8))


@pytest.mark.parametrize("odd", [np.float32(1), np.ones(3)])
def test_arrays_without_the_same_rows_are_an_error(odd: np.ndarray) -> None:
    with pytest.raises(ValueError, match="same number of rows"):
        parallel.place({"ids": np.ones(4), "odd": odd}, parallel.make_mesh(1))


def test_replicate_puts_a_whole_copy_on_every_device() -> None:
    tree = {"kernel": np.arange(6.0, dtype=np.float32).reshape(2, 3)}
    kernel = parallel.replicate(tree, parallel.make_mesh(8))["kernel"]
    assert len(kernel.addressable_shards) == 8
    for shard in kernel.addressable_shards:
        np.testing.assert_array_equal(shard.data, tree["kernel"])


@pytest.mark.parametrize("source", ["host", "device", "replicated"])
def test_a_replicated_tree_may_be_donated_without_harm_to_its_source(source: str) -> None:
    mesh = parallel.make_mesh(1)
    kernel = np.ones((64, 64), np.float32)
    if source == "device":
        kernel = jax.device_put(kernel)
    elif source == "replicated":
        kernel = parallel.replicate(kernel, mesh)
    copy = parallel.replicate(kernel, mesh)
    jax.block_until_ready(jax.jit(lambda x: x * 0, donate_argnums=0)(copy))
    assert copy.is_deleted()
    assert np.asarray(kernel).all()
