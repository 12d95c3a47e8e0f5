"""Products of activations with weights whose factors are rounded to bfloat16, on a CPU.

GPUs and TPUs do this by themselves where ``jax.default_matmul_precision`` says so. XLA ignores that
on a CPU, though processors with instructions for it (AVX-512 BF16, AMX) make such products in half
the time or less; it takes these instructions only for products of bfloat16 whose results are
float32, and whose contracted axes lie as in ``values @ kernel`` or ``values @ kernel.T``.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

ROUNDED = "BF16_BF16_F32"
"""JAX's name for factors of bfloat16 and sums of float32."""

TOKENS_TOGETHER = 8


def multiply(
    values: Float[Array, "tokens d"], kernel: Float[Array, "d e"]
) -> Float[Array, "tokens e"]:
    """Return ``values @ kernel``, with the precision that JAX is set to, on a CPU too."""
    return _multiply_rounded(values, kernel) if _rounds(values) else values @ kernel


def dot_general(values: Array, kernel: Array, dimensions: Any, **options: Any) -> Array:
    """``multiply`` for ``nn.Dense`` of flattened activations, which names what it contracts."""
    if _rounds(values):
        return _multiply_rounded(values, kernel)
    return jax.lax.dot_general(values, kernel, dimensions, **options)


def _rounds(values: Array) -> bool:
    settings: Any = jax.config  # its attributes are made at run time
    asked = settings.jax_default_matmul_precision == ROUNDED and values.dtype == jnp.float32
    return asked and jax.default_backend() == "cpu"


@jax.custom_vjp
def _multiply_rounded(values: Array, kernel: Array) -> Array:
    return _multiply_with_factors(values, kernel)[0]


def _multiply_with_factors(values: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    factors = values.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    return _product(*factors, 0), factors


def _backward(factors: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    values, kernel = factors
    gradient = gradient.astype(jnp.bfloat16)
    return _product(gradient, kernel, 1), _product(_turned(values), gradient, 0)


_multiply_rounded.defvjp(_multiply_with_factors, _backward)


def _product(left: Array, right: Array, axis: int) -> Array:
    """Contract the last axis of the one with an axis of the other."""
    contracted = ((1,), (axis,)), ((), ())
    return jax.lax.dot_general(left, right, contracted, preferred_element_type=jnp.float32)


def _turned(values: Array) -> Array:
    """Return the transpose, by a detour that XLA does not take back into the product."""
    tokens, features = values.shape
    if tokens % TOKENS_TOGETHER:
        return values.T
    pieces = values.reshape(-1, TOKENS_TOGETHER, features)
    return pieces.transpose(2, 0, 1).reshape(features, tokens)
