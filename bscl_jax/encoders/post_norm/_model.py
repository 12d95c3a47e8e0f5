"""The BERT kind of model: token ids in, hidden states out.

References:
    Devlin et al., *BERT: Pre-training of Deep Bidirectional Transformers for Language
    Understanding*, NAACL 2019.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int, UInt32

from bscl_jax.encoders._attention import RowKeys, attend_to_itself
from bscl_jax.encoders._kernels import AUTO
from bscl_jax.encoders._model import (
    EMBEDDING_SITE,
    OF_PRODUCTS,
    LinearWeights,
    Model,
    add_and_normalize,
    drop_flat,
    make_dense,
    make_layer_norm,
    make_table,
    run_layers,
)
from bscl_jax.encoders._placing import Placing
from bscl_jax.encoders._products import multiply
from bscl_jax.encoders.post_norm._config import PostNormConfig
from bscl_jax.encoders.post_norm._distance import make_buckets

SITES_PER_LAYER = 3  # attention probabilities, attention output, feed-forward output


class PostNorm(Model):
    """Embeddings and layers, each block added to its input and then normalized; no pooler.

    Attributes: as ``Model``.
    """

    def run(
        self, ids: Int[Array, "b s"], placing: Placing, row_keys: RowKeys
    ) -> Float[Array, "tokens d"]:
        """Embed the tokens and run the layers."""
        config: PostNormConfig = self.config
        flat = embed(config, self.dtype, ids, placing, row_keys)
        if config.table_size != config.hidden_size:
            flat = make_dense(config, self.dtype, config.hidden_size, "projection")(flat)
        bias = None
        if config.num_relative_buckets:
            bias = DistanceBias(config, name="distance_bias")(ids.shape[1])
        return run_layers(self, Layer, flat, placing.allowed, row_keys, bias)


def embed(
    config: PostNormConfig,
    dtype: Any,
    ids: Int[Array, "b s"],
    placing: Placing,
    row_keys: RowKeys,
) -> Float[Array, "tokens f"]:
    """Flattened embeddings after dropout; called inside ``run`` of a model."""
    hidden = Embeddings(config, name="embeddings")(ids, placing).astype(dtype)
    flat = hidden.reshape(ids.size, config.table_size)
    return drop_flat(flat, row_keys, EMBEDDING_SITE, config.hidden_dropout_prob)


class Embeddings(nn.Module):
    """Sum of token vectors and, where there are any, position and token-type vectors, normalized.

    Attributes:
        config: sizes.
    """

    config: PostNormConfig

    @nn.compact
    def __call__(self, ids: Int[Array, "b s"], placing: Placing) -> Float[Array, "b s f"]:
        """Look the tokens up; every token is of type 0, as in a single text."""
        config, features = self.config, self.config.table_size
        total = make_table(config, config.vocab_size, features, "token")(ids)
        if config.type_vocab_size:
            kinds = make_table(config, config.type_vocab_size, features, "token_type")
            total = total + kinds(jnp.zeros((1, 1), jnp.int32))
        if config.position_rows:
            positions = make_table(config, config.position_rows, features, "position")
            total = total + positions(count_positions(ids, placing, config.padding_id))
        return make_layer_norm(config, jnp.float32, "norm")(total)


def count_positions(
    ids: Int[Array, "b s"], placing: Placing, padding_id: int | None
) -> Int[Array, "#b s"]:
    """Row of the position table for each token.

    Counted from 0, or, in models with a ``padding_id``, from the row behind it and over the tokens
    that are not padding; padding (in a text too) has the row ``padding_id``.
    """
    if padding_id is None:
        return placing.positions
    real = placing.mask & (ids != padding_id)
    return placing.counted(real) * real + padding_id


class DistanceBias(nn.Module):
    """A bias for each head and each bucket of distances, shared by all layers.

    Attributes:
        config: sizes.
    """

    config: PostNormConfig

    @nn.compact
    def __call__(self, length: Any) -> Float[Array, "1 h s s"]:
        """Look up the biases of texts of this many tokens."""
        config = self.config
        table = make_table(config, config.num_relative_buckets, config.num_attention_heads, "table")
        return jnp.moveaxis(table(make_buckets(length)), -1, 0)[None]


class Layer(nn.Module):
    """Self-attention and a feed-forward block, each added to its input and normalized.

    Attributes:
        config: sizes and rates.
        dtype: type of the activations.
        attention: how attention is computed.
    """

    config: PostNormConfig
    dtype: Any = jnp.float32
    attention: str = AUTO

    @nn.compact
    def __call__(
        self,
        hidden: Float[Array, "tokens d"],
        number: UInt32[Array, ""],
        allowed: Bool[Array, "b 1 #s s"],
        row_keys: RowKeys,
        bias: Float[Array, "1 h s s"] | None,
    ) -> tuple[Float[Array, "tokens d"], None]:
        """Run layer ``number``; the second result is what a scan would collect: nothing."""
        config, size = self.config, self.config.hidden_size
        site = EMBEDDING_SITE + 1 + SITES_PER_LAYER * number
        maps = [
            LinearWeights(config, self.dtype, size, size, name=name)()
            for name in ("query", "key", "value")
        ]
        mixed = attend_to_itself(
            hidden,
            maps,
            allowed,
            config.num_attention_heads,
            row_keys,
            site,
            config.attention_probs_dropout_prob,
            bias,
            kind=self.attention,
        )
        return finish_layer(self, hidden, mixed, row_keys, site + 1, allowed.shape[0]), None


def finish_layer(
    layer: Any,
    hidden: Float[Array, "tokens d"],
    mixed: Float[Array, "tokens d"],
    row_keys: RowKeys,
    site: UInt32[Array, ""],
    rows: Any,
) -> Float[Array, "tokens d"]:
    """All of a layer that follows attention; called inside the compact method of a layer.

    Args:
        layer: the layer, for its settings.
        hidden: its input.
        mixed: what attention made of it.
        row_keys: dropout keys.
        site: number of the first of two places in the model.
        rows: of the batch; a symbolic dimension where the model is exported.

    Returns:
        Output of the layer.
    """
    config, dtype = layer.config, layer.dtype
    size, wide, rate = config.hidden_size, config.intermediate_size, config.hidden_dropout_prob
    options: Any = {"rows": rows, "kind": layer.attention}

    def product(values: Any, in_features: int, name: str) -> tuple[Any, Any]:
        kernel, bias = LinearWeights(config, dtype, in_features, size, name=name)()
        return multiply(values, kernel), bias

    attended = product(mixed, size, "attention_output")
    dropout = row_keys if config.drops_attention_output else None, site, rate
    hidden = add_and_normalize(
        config, dtype, "attention_norm", hidden, attended, dropout, **options
    )
    inner = make_dense(config, dtype, wide, "intermediate")(hidden)
    outer = product(OF_PRODUCTS[config.hidden_act](inner), wide, "output")
    dropout = row_keys, site + 1, rate
    return add_and_normalize(config, dtype, "output_norm", hidden, outer, dropout, **options)
