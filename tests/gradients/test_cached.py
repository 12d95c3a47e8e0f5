import jax
import numpy as np
import pytest

from bscl_jax import gradients, parallel
from bscl_jax.gradients import Encode
from tests.gradients import toy

SAME_IN_FLOAT64 = 1e-12
SAME_IN_FLOAT32 = 2e-6

TOWERS = {"tied": toy.encode, "untied": (toy.encode, toy.encode_targets)}


def assert_same(actual: tuple, expected: tuple, tolerance: float) -> None:
    """Compare (loss, grads): each leaf relative to its largest element."""
    jax.tree.map(
        lambda a, e: np.testing.assert_allclose(
            a, e, rtol=0, atol=tolerance * max(np.abs(e).max(), 1)
        ),
        actual,
        expected,
    )


@pytest.mark.parametrize(
    ("towers", "chunk_size"), [("tied", 1), ("tied", 3), ("tied", 7), ("tied", 100), ("untied", 4)]
)
def test_the_cached_gradient_equals_the_plain_one_with_dropout_on(
    towers: str, chunk_size: int, float64: None
) -> None:
    arguments = toy.make_params(), toy.make_batch(7), jax.random.key(0)
    plain = gradients.value_and_grad(TOWERS[towers], toy.loss)
    cached = gradients.cached_value_and_grad(TOWERS[towers], toy.loss, chunk_size=chunk_size)
    assert_same(jax.jit(cached)(*arguments), jax.jit(plain)(*arguments), SAME_IN_FLOAT64)


def test_without_a_key_the_cached_gradient_equals_the_plain_one(float64: None) -> None:
    arguments = toy.make_params(), toy.make_batch(5), None
    plain = gradients.value_and_grad(toy.encode, toy.loss)
    cached = gradients.cached_value_and_grad(toy.encode, toy.loss, chunk_size=2)
    assert_same(jax.jit(cached)(*arguments), jax.jit(plain)(*arguments), SAME_IN_FLOAT64)


def compute_on(devices: int, chunk_size: int | None, precision: str) -> tuple:
    dtype = np.dtype(precision).type
    params, batch = toy.make_params(dtype=dtype), toy.make_batch(16, dtype=dtype)
    compute = gradients.value_and_grad(toy.encode, toy.loss)
    if chunk_size:
        compute = gradients.cached_value_and_grad(toy.encode, toy.loss, chunk_size=chunk_size)
    mesh = parallel.make_mesh(devices)
    placed = parallel.replicate(params, mesh), parallel.place(batch, mesh)
    return jax.jit(compute)(*placed, jax.random.key(5))


@pytest.mark.parametrize(
    ("devices", "chunk_size"), [(2, None), (4, None), (8, None), (1, 8), (4, 8), (8, 8), (8, 3)]
)
def test_gradients_on_many_devices_equal_those_of_one(
    devices: int, chunk_size: int | None, float64: None
) -> None:
    expected = compute_on(1, None, "float64")
    assert_same(compute_on(devices, chunk_size, "float64"), expected, SAME_IN_FLOAT64)


@pytest.mark.parametrize("chunk_size", [None, 8])
def test_gradients_on_many_devices_equal_those_of_one_in_single_precision(
    chunk_size: int | None,
) -> None:
    expected = compute_on(1, None, "float32")
    assert_same(compute_on(8, chunk_size, "float32"), expected, SAME_IN_FLOAT32)


def test_each_row_is_encoded_twice_at_most_chunk_size_at_a_time() -> None:
    shapes = []

    def encode(params: dict, tokens: tuple, dropout_key: None) -> jax.Array:
        shapes.append(tokens.ids.shape)
        return toy.encode(params, tokens, dropout_key)

    jax.jit(gradients.cached_value_and_grad(encode, toy.loss, chunk_size=6)).lower(
        toy.make_params(), toy.make_batch(9), None
    )
    # Nine rows in two chunks are five and five (one repeated), not six and six.
    assert {rows for rows, _ in shapes} == {5}


def compile_on(devices: int, encode: Encode, chunk_size: int | None) -> jax.stages.Compiled:
    compute = gradients.value_and_grad(encode, toy.loss)
    if chunk_size:
        compute = gradients.cached_value_and_grad(encode, toy.loss, chunk_size=chunk_size)
    mesh = parallel.make_mesh(devices)
    params = parallel.replicate(toy.make_params(dtype=np.float32, hidden=256), mesh)
    batch = parallel.place(toy.make_batch(256, dtype=np.float32), mesh)
    return jax.jit(compute).lower(params, batch, jax.random.key(0)).compile()


def test_the_cached_gradient_needs_the_memory_of_a_chunk() -> None:
    plain, cached = (
        compile_on(1, toy.encode, size).memory_analysis().temp_size_in_bytes for size in (None, 16)
    )
    assert cached < plain / 3


def test_a_batch_of_one_chunk_is_encoded_once() -> None:
    plain, cached = (
        compile_on(1, toy.encode, size).cost_analysis()["flops"] for size in (None, 256)
    )
    assert cached == plain


def test_on_many_devices_each_encodes_its_own_rows_and_sends_none() -> None:
    program = compile_on(8, toy.encode, 64).as_text()
    # A chunk of 64 texts is 8 to a device; tokens (integers) never travel.
    assert "s32[8,4]" in program
    assert "s32[64,4]" not in program


@pytest.mark.parametrize("chunk_size", [0, -3])
def test_a_chunk_of_no_rows_is_an_error_with_a_remedy(chunk_size: int) -> None:
    with pytest.raises(
        ValueError, match=rf"chunk_size must be at least 1 .* got {chunk_size}; use"
    ):
        gradients.cached_value_and_grad(toy.encode, toy.loss, chunk_size=chunk_size)
