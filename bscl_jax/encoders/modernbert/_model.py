"""ModernBERT as a Linen module: token ids in, hidden states out.

Differs: nothing is unpadded. Padding is masked, and texts of similar length share a batch, so the
hidden states are those of the reference, which drops the padding where flash attention allows it.

References:
    Warner et al., *Smarter, Better, Faster, Longer: A Modern Bidirectional Encoder*, 2024.
    Su et al., *RoFormer: Enhanced Transformer with Rotary Position Embedding*, 2021.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int, UInt32

from bscl_jax.encoders._attention import RowKeys, attend
from bscl_jax.encoders._kernels import AUTO
from bscl_jax.encoders._model import (
    ACTIVATIONS,
    EMBEDDING_SITE,
    Model,
    drop_flat,
    make_dense,
    make_layer_norm,
    make_table,
    run_layers,
)
from bscl_jax.encoders._placing import Placing
from bscl_jax.encoders.modernbert._config import ModernBertConfig

_SITES_PER_LAYER = 3  # attention probabilities, attention output, inside of the feed-forward block


class View(NamedTuple):
    """What tokens see of one another, in global layers (entry 0) and in local ones (1).

    Attributes:
        allowed: whether a token (next to last axis) may ask another (last).
        angles: by how much each pair of features is turned at each position.
    """

    allowed: Bool[Array, "2 b 1 s s"]
    angles: Float[Array, "2 s g"]


class ModernBert(Model):
    """Embeddings, layers that normalize their inputs, and a last normalization.

    Attributes: as ``Model``.
    """

    def run(
        self, ids: Int[Array, "b s"], placing: Placing, row_keys: RowKeys
    ) -> Float[Array, "tokens d"]:
        """Embed the tokens and run the layers."""
        config: ModernBertConfig = self.config
        tokens = make_table(config, config.vocab_size, config.hidden_size, "token")(ids.reshape(-1))
        flat = _norm(config, jnp.float32, "embedding_norm")(tokens).astype(self.dtype)
        flat = drop_flat(flat, row_keys, EMBEDDING_SITE, config.embedding_dropout)
        view = make_view(config, placing)
        flat = run_layers(self, Layer, flat, view, row_keys, opening=FirstLayer)
        return _norm(config, self.dtype, "final_norm")(flat)


class Layer(nn.Module):
    """Self-attention and a gated feed-forward block, each of normalized input, added to it.

    Attributes:
        config: sizes and rates.
        dtype: type of the activations.
        attention: how attention is computed.
        normalizes_attention: whether the input of attention is normalized.
    """

    config: ModernBertConfig
    dtype: Any = jnp.float32
    attention: str = AUTO
    normalizes_attention: bool = True

    @nn.compact
    def __call__(
        self,
        hidden: Float[Array, "tokens d"],
        number: UInt32[Array, ""],
        view: View,
        row_keys: RowKeys,
    ) -> tuple[Float[Array, "tokens d"], None]:
        """Run layer ``number``; the second result is what a scan would collect: nothing."""
        config, dtype = self.config, self.dtype
        site = EMBEDDING_SITE + 1 + _SITES_PER_LAYER * number
        normal = hidden
        if self.normalizes_attention:
            normal = _norm(config, dtype, "attention_norm")(hidden)
        mixed = self._attend(normal, number, view, row_keys, site)
        hidden = hidden + drop_flat(mixed, row_keys, site + 1, config.attention_dropout)
        normal = _norm(config, dtype, "mlp_norm")(hidden)
        biased, width = config.mlp_bias, 2 * config.intermediate_size
        inner = make_dense(config, dtype, width, "intermediate", bias=biased)(normal)
        opened, gate = jnp.split(inner, 2, axis=-1)
        inner = ACTIVATIONS[config.hidden_act](opened) * gate
        inner = drop_flat(inner, row_keys, site + 2, config.mlp_dropout)
        return hidden + make_dense(config, dtype, config.hidden_size, "output", bias=biased)(
            inner
        ), None

    def _attend(
        self,
        normal: Float[Array, "tokens d"],
        number: UInt32[Array, ""],
        view: View,
        row_keys: RowKeys,
        site: UInt32[Array, ""],
    ) -> Float[Array, "tokens d"]:
        config, size, biased = self.config, self.config.hidden_size, self.config.attention_bias
        kind = jnp.array(config.local_layers, jnp.int32)[number]
        allowed, angles = view.allowed[kind], view.angles[kind]
        packed = make_dense(config, self.dtype, 3 * size, "query_key_value", bias=biased)(normal)
        heads = (allowed.shape[0], allowed.shape[-1], 3, config.num_attention_heads, -1)
        query, key, value = jnp.moveaxis(packed.reshape(heads), 2, 0)
        query, key = turn(query, angles), turn(key, angles)
        rate = config.attention_dropout
        kind = self.attention
        mixed = attend(query, key, value, allowed, row_keys, site, rate, kind=kind)
        mixed = mixed.reshape(normal.shape)
        return make_dense(config, self.dtype, size, "attention_output", bias=biased)(mixed)


class FirstLayer(Layer):
    """The first layer, whose input is normalized already.

    Attributes: as ``Layer``.
    """

    normalizes_attention: bool = False


def make_view(config: ModernBertConfig, placing: Placing) -> View:
    """What the tokens of a batch see in global and in local layers.

    Only differences of positions matter, so those in the row serve for each text of it.
    """
    positions = jnp.arange(placing.mask.shape[1])
    near = jnp.abs(positions[:, None] - positions[None, :]) <= config.local_attention // 2
    everywhere = jnp.ones_like(near)
    allowed = jnp.stack([everywhere, near])[:, None, None] & placing.allowed[None]
    features = config.hidden_size // config.num_attention_heads
    exponents = jnp.arange(0, features, 2, dtype=jnp.float32) / features
    thetas = jnp.array([config.global_theta, config.local_theta], jnp.float32)
    frequencies = 1 / thetas[:, None] ** exponents
    return View(allowed, positions.astype(jnp.float32)[None, :, None] * frequencies[:, None])


def turn(vectors: Float[Array, "b s h f"], angles: Float[Array, "s g"]) -> Float[Array, "b s h f"]:
    """Rotate the pairs of features (i, i + f / 2) by the angles of their position, in float32."""
    first, second = jnp.split(vectors.astype(jnp.float32), 2, axis=-1)
    cosine, sine = jnp.cos(angles)[:, None], jnp.sin(angles)[:, None]
    turned = [first * cosine - second * sine, second * cosine + first * sine]
    return jnp.concatenate(turned, axis=-1).astype(vectors.dtype)


def _norm(config: ModernBertConfig, dtype: Any, name: str) -> nn.LayerNorm:
    return make_layer_norm(config, dtype, name, bias=config.norm_bias)
