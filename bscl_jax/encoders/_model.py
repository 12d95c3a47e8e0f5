"""What the modules of all families share: their settings and the run through their layers.

Everything but attention works on flattened ``(b * s, d)`` activations, which is some 10 % faster on
a CPU than ``(b, s, d)`` and the same elsewhere.
"""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import default_matmul_precision
from jaxtyping import Array, Bool, Float, Int, UInt32

from bscl_jax.encoders._attention import Linear, RowKeys
from bscl_jax.encoders._dropout import count_dropped, drop, make_words
from bscl_jax.encoders._gelu import gelu, gelu_of_product
from bscl_jax.encoders._kernels import AUTO, wants_kernels
from bscl_jax.encoders._placing import Placing, place_texts
from bscl_jax.encoders._products import ROUNDED, dot_general
from bscl_jax.types import DType, name_dtype

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "gelu": gelu,
    "gelu_tanh": partial(jax.nn.gelu, approximate=True),
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
}
"""Activations by the names that a checked config has."""

OF_PRODUCTS = ACTIVATIONS | {"gelu": gelu_of_product}
"""The same, of a matrix product with its bias and of nothing else."""

COMPUTATION_TYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}

EMBEDDING_SITE = 0
"""Number of the dropout of the embeddings; the layers' numbers follow it."""


class Model(nn.Module):
    """A module that turns token ids into hidden states.

    Attributes:
        config: sizes and rates.
        dtype: type of the activations; parameters are float32 whatever it is.
        scan_layers: one compiled layer run in a loop over stacked parameters: compiles faster,
            runs slower on a CPU.
        remat: keep only the inputs of each layer for the backward pass and compute the rest again.
        attention: how attention, and the sums behind it, are computed, by a name of ``KINDS``.
        precision: of the matrix products, a value of ``jax.default_matmul_precision``; None leaves
            that as it is.
    """

    config: Any
    dtype: Any = jnp.float32
    scan_layers: bool = False
    remat: bool = False
    attention: str = AUTO
    precision: str | None = None

    @nn.compact
    def __call__(
        self,
        ids: Int[Array, "b s"],
        mask: Bool[Array, "b s"],
        row_keys: RowKeys = None,
        lengths: Int[Array, "b k"] | None = None,
    ) -> Float[Array, "b s d"]:
        """Run the model.

        Args:
            ids: token ids, all below ``vocab_size``.
            mask: True on real tokens.
            row_keys: one dropout key per row; None for no dropout.
            lengths: tokens of each of the k texts of a row; None where every row is one text.

        Returns:
            The last hidden states; those of padding are arbitrary but finite.
        """
        with nullcontext() if self.precision is None else default_matmul_precision(self.precision):
            flat = self.run(ids, place_texts(mask, lengths), row_keys)
        return flat.reshape(*ids.shape, self.config.hidden_size)

    def run(
        self, ids: Int[Array, "b s"], placing: Placing, row_keys: RowKeys
    ) -> Float[Array, "tokens d"]:
        """Embed the tokens and run the layers: what a family has of its own."""
        raise NotImplementedError


def find_computation_type(dtype: DType) -> Any:
    """The JAX type of this name; raises ValueError for one that activations cannot have."""
    name = name_dtype(dtype)
    if name not in COMPUTATION_TYPES:
        raise ValueError(f"dtype must be {' or '.join(COMPUTATION_TYPES)}, was {name!r}")
    return COMPUTATION_TYPES[name]


def adapt(model: Any) -> Any:
    """Return a model of bfloat16 as a CPU has it: factors of bfloat16, everything else float32.

    A CPU has instructions for products of bfloat16 at most, not for what is between them. The
    kernels know no other type: where they are asked for, nothing changes.
    """
    rounds = model.dtype == jnp.bfloat16 and model.attention != "fused"
    if not rounds or jax.default_backend() != "cpu":
        return model
    return model.clone(dtype=jnp.float32, precision=ROUNDED)


def run_layers(
    model: Model,
    layer: type[nn.Module],
    flat: Float[Array, "tokens d"],
    *context: Any,
    opening: type[nn.Module] | None = None,
) -> Float[Array, "tokens d"]:
    """Run the layers one after another, as the model's settings say.

    Called inside ``run`` of the model, whose children the layers become: ``layer_0``,
    ``layer_1``, … or, stacked, ``layers``.

    Args:
        model: the model whose method calls this.
        layer: the module of one layer, made of config, type of the activations and kind of
            attention. It is called with hidden states, its number and the context, and returns
            hidden states and None.
        flat: hidden states.
        context: what every layer is given, the same for all.
        opening: the module of layer 0 where it differs; it stays out of the stack.

    Returns:
        The hidden states after the last layer.
    """
    config, count = model.config, model.config.num_hidden_layers
    made_of = config, model.dtype, model.attention
    alone = count if not model.scan_layers else int(opening is not None)

    def make(kind: type[nn.Module], *, scanned: bool) -> type[nn.Module]:
        return nn.remat(kind, prevent_cse=not scanned) if model.remat else kind

    for number in range(alone):
        kind = layer if number or opening is None else opening
        block = make(kind, scanned=False)(*made_of, name=f"layer_{number}")
        flat, _ = block(flat, jnp.uint32(number), *context)
    if alone < count:
        scan = nn.scan(
            make(layer, scanned=True),
            variable_axes={"params": 0},
            split_rngs={"params": True},
            in_axes=cast(Any, (0, *[nn.broadcast] * len(context))),
            length=count - alone,
        )
        numbers = jnp.arange(alone, count, dtype=jnp.uint32)
        flat, _ = scan(*made_of, name="layers")(flat, numbers, *context)
    return flat


def drop_flat(
    values: Float[Array, "tokens d"],
    row_keys: RowKeys,
    site: int | UInt32[Array, ""],
    rate: float,
) -> Float[Array, "tokens d"]:
    """Dropout of flattened activations; none without keys."""
    if row_keys is None:
        return values
    return drop(values.reshape(len(row_keys), -1), row_keys, site, rate).reshape(values.shape)


def add_and_normalize(
    config: Any,
    dtype: Any,
    name: str,
    hidden: Float[Array, "tokens d"],
    added: tuple[Float[Array, "tokens d"], Float[Array, " d"]],
    dropout: tuple[RowKeys, UInt32[Array, ""], float],
    *,
    rows: Any,
    kind: str,
) -> Float[Array, "tokens d"]:
    """Layer normalization of what a block was given and, after dropout, what it makes of it.

    Args:
        config: sizes and rates.
        dtype: type of the activations.
        name: of the normalization.
        hidden: what the block was given.
        added: what its last product makes of it, and the bias to be added to that.
        dropout: keys of the rows, number of the place, and rate.
        rows: of the batch.
        kind: one of ``KINDS``; what the kernel cannot do is plain.
    """
    product, shift = added
    row_keys, site, rate = dropout
    if wants_kernels(kind):
        from bscl_jax.encoders._fused_norm import fits, fused_norm

        if fits(hidden.shape[-1], hidden.dtype):
            scale, bias = NormWeights(hidden.shape[-1], name=name)()
            words = None if row_keys is None else make_words(row_keys, site)
            return fused_norm(
                hidden.reshape(rows, -1, hidden.shape[-1]),
                product.reshape(rows, -1, hidden.shape[-1]),
                *(shift, scale, bias, words),
                epsilon=config.layer_norm_eps,
                dropped=count_dropped(rate),
            ).reshape(hidden.shape)
    dropped = drop_flat(product + shift, row_keys, site, rate)
    return make_layer_norm(config, dtype, name)(hidden + dropped)


class NormWeights(nn.Module):
    """The weights of ``nn.LayerNorm``, by themselves.

    Attributes:
        features: d.
    """

    features: int

    @nn.compact
    def __call__(self) -> tuple[Float[Array, " d"], Float[Array, " d"]]:
        """Return scale and bias."""
        scale = self.param("scale", nn.initializers.ones, (self.features,))
        return scale, self.param("bias", nn.initializers.zeros, (self.features,))


class LinearWeights(nn.Module):
    """The weights of ``nn.Dense``, by themselves: what multiplies with them may have more to do.

    Attributes:
        config: how wide fresh weights are.
        dtype: the type they are given in.
        in_features: d.
        out_features: e.
    """

    config: Any
    dtype: Any
    in_features: int
    out_features: int

    @nn.compact
    def __call__(self) -> Linear:
        """Return kernel and bias."""
        init = nn.initializers.normal(self.config.initializer_range)
        kernel = self.param("kernel", init, (self.in_features, self.out_features))
        bias = self.param("bias", nn.initializers.zeros, (self.out_features,))
        return kernel.astype(self.dtype), bias.astype(self.dtype)


def make_dense(config: Any, dtype: Any, features: int, name: str, *, bias: bool = True) -> nn.Dense:
    """A linear map with fresh weights as wide as the config says."""
    init = nn.initializers.normal(config.initializer_range)
    return nn.Dense(
        features,
        use_bias=bias,
        dtype=dtype,
        kernel_init=init,
        dot_general=dot_general,
        name=name,
    )


def make_table(config: Any, rows: int, features: int, name: str) -> nn.Embed:
    """A table of float32 vectors with fresh weights as wide as the config says."""
    init = nn.initializers.normal(config.initializer_range)
    return nn.Embed(rows, features, embedding_init=init, name=name)


def make_layer_norm(config: Any, dtype: Any, name: str, *, bias: bool = True) -> nn.LayerNorm:
    """Layer normalization with its statistics in float32, the variance taken around the mean."""
    return nn.LayerNorm(
        epsilon=config.layer_norm_eps,
        dtype=dtype,
        use_bias=bias,
        use_fast_variance=False,
        name=name,
    )
