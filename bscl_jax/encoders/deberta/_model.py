"""DeBERTa-v2 and v3: BERT with terms of attention between tokens and distances.

Differs: the vectors of distances are not dropped out. All texts of a batch share them, so a mask
would belong to no row, and chunks of a batch could not draw the masks of the whole.

References:
    He et al., *DeBERTa: Decoding-enhanced BERT with Disentangled Attention*, ICLR 2021.
    He et al., *DeBERTaV3*, ICLR 2023.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int, UInt32

from bscl_jax.encoders._attention import RowKeys, attend, split_heads
from bscl_jax.encoders._kernels import AUTO
from bscl_jax.encoders._model import (
    EMBEDDING_SITE,
    Model,
    make_dense,
    make_layer_norm,
    make_table,
    run_layers,
)
from bscl_jax.encoders._placing import Placing
from bscl_jax.encoders.deberta._config import DebertaConfig
from bscl_jax.encoders.post_norm import SITES_PER_LAYER, embed, finish_layer


class Deberta(Model):
    """Embeddings and layers, each block added to its input and then normalized; no pooler.

    Attributes: as ``Model``.
    """

    def run(
        self, ids: Int[Array, "b s"], placing: Placing, row_keys: RowKeys
    ) -> Float[Array, "tokens d"]:
        """Embed the tokens and run the layers."""
        config: DebertaConfig = self.config
        flat = embed(config, self.dtype, ids, placing, row_keys)
        distances = None
        if config.relative_attention:
            distances = Distances(config, name="distances")().astype(self.dtype)
        return run_layers(self, Layer, flat, placing.allowed, row_keys, distances)


class Distances(nn.Module):
    """A vector for each bucket of distances, shared by all layers.

    Attributes:
        config: sizes.
    """

    config: DebertaConfig

    @nn.compact
    def __call__(self) -> Float[Array, "distances d"]:
        """All of them, from the farthest behind to the farthest before."""
        config = self.config
        table = make_table(config, 2 * config.span, config.hidden_size, "table")
        vectors = table(jnp.arange(2 * config.span))
        if config.norm_rel_ebd == "layer_norm":
            vectors = make_layer_norm(config, jnp.float32, "norm")(vectors)
        return vectors


class Layer(nn.Module):
    """Disentangled self-attention and a feed-forward block, each added to its input.

    Attributes:
        config: sizes and rates.
        dtype: type of the activations.
        attention: how attention is computed.
    """

    config: DebertaConfig
    dtype: Any = jnp.float32
    attention: str = AUTO

    @nn.compact
    def __call__(
        self,
        hidden: Float[Array, "tokens d"],
        number: UInt32[Array, ""],
        allowed: Bool[Array, "b 1 #s s"],
        row_keys: RowKeys,
        distances: Float[Array, "distances d"] | None,
    ) -> tuple[Float[Array, "tokens d"], None]:
        """Run layer ``number``; the second result is what a scan would collect: nothing."""
        config = self.config
        site = EMBEDDING_SITE + 1 + SITES_PER_LAYER * number
        maps = {
            name: make_dense(config, self.dtype, config.hidden_size, name)
            for name in ("query", "key", "value")
        }
        heads = config.num_attention_heads
        query, key, value = (split_heads(maps[name](hidden), allowed, heads) for name in maps)
        scale = (query.shape[-1] * (1 + len(config.terms))) ** -0.5
        bias = None
        if distances is not None:
            bias = scale * self._distance_terms(query, key, maps, distances)
        rate = config.attention_probs_dropout_prob
        mixed = attend(
            *(query, key, value, allowed, row_keys, site, rate, bias),
            scale=scale,
            kind=self.attention,
        )
        mixed = mixed.reshape(hidden.shape)
        return finish_layer(self, hidden, mixed, row_keys, site + 1, allowed.shape[0]), None

    def _distance_terms(
        self,
        query: Float[Array, "b s h f"],
        key: Float[Array, "b s h f"],
        maps: dict[str, nn.Dense],
        distances: Float[Array, "distances d"],
    ) -> Float[Array, "b h s s"]:
        """Products of tokens and distances, in float32, to be scaled."""
        config, (batch, length, heads, _) = self.config, query.shape
        places = find_places(config, length)[None, None]
        total = jnp.zeros((batch, heads, length, length), jnp.float32)

        def products(tokens: Array, shared: str) -> Array:
            own = maps[shared]
            if not config.share_att_key:
                own = make_dense(config, self.dtype, config.hidden_size, f"distance_{shared}")
            vectors = own(distances).reshape(len(distances), heads, -1)
            return jnp.einsum("bshf,dhf->bhsd", tokens, vectors, preferred_element_type=jnp.float32)

        if "c2p" in config.terms:
            total = total + jnp.take_along_axis(products(query, "key"), places, axis=-1)
        if "p2c" in config.terms:
            by_key = jnp.take_along_axis(
                products(key, "query"), jnp.swapaxes(places, -1, -2), axis=-1
            )
            total = total + jnp.swapaxes(by_key, -1, -2)
        return total


def find_places(config: DebertaConfig, length: Any) -> Int[Array, "s s"]:
    """Row of the table of distances for each token that asks (row) and each asked (column).

    Distances up to half the buckets have a row of their own; farther ones share rows that widen
    with the logarithm up to ``max_distance``. Logarithms are float32, as in the reference.
    """
    farthest = config.max_position_embeddings
    way = np.arange(-farthest, farthest + 1, dtype=np.int32)
    if config.position_buckets > 0:
        middle = config.position_buckets // 2
        distance = np.maximum(np.abs(way), middle).astype(np.float32)
        widest = np.log(np.float32((config.max_distance - 1) / middle))
        ratio = np.log(distance / np.float32(middle)) / widest
        shared = np.ceil(ratio * np.float32(middle - 1)).astype(np.int32) + middle
        way = np.where(np.abs(way) <= middle, way, np.sign(way) * shared)
    places = np.clip(way + config.span, 0, 2 * config.span - 1)
    positions = jnp.arange(length)
    return jnp.asarray(places, jnp.int32)[positions[:, None] - positions[None, :] + farthest]
