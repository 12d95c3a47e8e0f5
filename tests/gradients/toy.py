"""A small encoder with dropout, a loss with a temperature, and batches for them."""

import jax
import jax.numpy as jnp
import numpy as np

from bscl_jax.types import PairBatch, TokenBatch

VOCABULARY, FEATURES = 23, 6


def make_params(seed: int = 0, *, dtype: type = np.float64, hidden: int = 8) -> dict:
    rng = np.random.default_rng(seed)

    def tower() -> dict:
        return {
            "table": rng.normal(size=(VOCABULARY, hidden)).astype(dtype),
            "kernel": rng.normal(size=(hidden, FEATURES)).astype(dtype),
        }

    return {"encoder": tower(), "targets": tower(), "log_temperature": dtype(np.log(0.5))}


def make_tokens(rng: np.random.Generator, rows: int, length: int) -> TokenBatch:
    ids = rng.integers(VOCABULARY, size=(rows, length)).astype(np.int32)
    return TokenBatch(ids, np.arange(length) < rng.integers(1, length + 1, size=(rows, 1)))


def make_batch(rows: int, *, seed: int = 1, dtype: type = np.float64) -> PairBatch:
    rng = np.random.default_rng(seed)
    ones, ids = np.ones(rows, dtype), np.arange(rows, dtype=np.int32)
    queries, targets = make_tokens(rng, rows, 4), make_tokens(rng, rows, 7)
    return PairBatch(queries, targets, rng.uniform(size=rows).astype(dtype), ones, ids, ids)


def with_extras(batch: PairBatch, extras: int, *, seed: int = 2) -> PairBatch:
    """Add so many extra candidates to a batch."""
    tokens = make_tokens(np.random.default_rng(seed), extras, 5)
    return batch._replace(extras=tokens, extra_ids=100 + np.arange(extras, dtype=np.int32))


def encode_with(tower: dict, tokens: TokenBatch, dropout_key: jax.Array | None) -> jax.Array:
    mask = tokens.mask[..., None]
    hidden = jnp.sin(tower["table"][tokens.ids] * mask).sum(1) / mask.sum(1)
    if dropout_key is not None:
        draw = jax.vmap(lambda key: jax.random.bernoulli(key, 0.8, hidden.shape[1:]))
        hidden = jnp.where(draw(dropout_key), hidden / 0.8, 0)
    return jnp.tanh(hidden @ tower["kernel"])


def encode(params: dict, tokens: TokenBatch, dropout_key: jax.Array | None) -> jax.Array:
    return encode_with(params["encoder"], tokens, dropout_key)


def encode_targets(params: dict, tokens: TokenBatch, dropout_key: jax.Array | None) -> jax.Array:
    return encode_with(params["targets"], tokens, dropout_key)


def loss(params: dict, queries: jax.Array, targets: jax.Array, batch: PairBatch) -> jax.Array:
    logits = queries @ targets.T / jnp.exp(params["log_temperature"])
    own = jax.nn.logsumexp(logits, axis=1) - jnp.diagonal(logits)
    return (batch.weights * own).mean()


def loss_with_extras(
    params: dict,
    queries: jax.Array,
    targets: jax.Array,
    batch: PairBatch,
    extras: jax.Array | None = None,
) -> jax.Array:
    """Let each query find its target among all targets and the extra candidates."""
    candidates = targets if extras is None else jnp.concatenate([targets, extras])
    logits = queries @ candidates.T / jnp.exp(params["log_temperature"])
    own = jax.nn.logsumexp(logits, axis=1) - jnp.diagonal(logits)
    return (batch.weights * own).mean()


def count_params(hidden: int) -> int:
    """Count what one tower of ``make_params`` holds."""
    return hidden * (VOCABULARY + FEATURES)
