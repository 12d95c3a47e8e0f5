"""Fine-tune a sentence encoder with the loss, an order by example and Optax, no trainer.

python examples/finetune_encoder.py [MODEL]     # a folder or a hub name, or all-MiniLM-L6-v2
"""

import sys
from collections.abc import Sequence

import jax
import numpy as np
import optax

from bscl_jax import SentenceEncoder, data, encoders, losses, shuffling
from bscl_jax.types import Params, TokenBatch

BATCH, STEPS, TEMPERATURE = 32, 20, 0.05
LENGTHS = (16, 32, 64)  # a batch is padded to the least of them that its longest text fits


def main(model: str = "all-MiniLM-L6-v2") -> None:
    encoder, params = encoders.load(model, max_length=LENGTHS[-1])
    pairs = data.load_task("library_desk").train
    query_ids, target_ids = map(data.content_ids, (pairs.queries, pairs.targets))
    vectors = SentenceEncoder(encoder, params).encode(pairs.queries, normalize=True)
    order = shuffling.by_example(vectors, group_size=8, seed=0, text_ids=query_ids)
    optimizer = optax.adamw(2e-5, weight_decay=0.01)
    state = optimizer.init(params)

    def tokenize(texts: Sequence[str]) -> TokenBatch:
        return data.pad(encoder.tokenize(texts), LENGTHS, encoder.pad_id)

    def batch(k: int) -> tuple[TokenBatch, TokenBatch, np.ndarray, np.ndarray]:
        rows = np.take(order, np.arange(k * BATCH, (k + 1) * BATCH), mode="wrap")
        queries, targets = (
            tokenize([texts[int(row)] for row in rows]) for texts in (pairs.queries, pairs.targets)
        )
        return queries, targets, query_ids[rows], target_ids[rows]

    def loss(
        params: Params,
        queries: TokenBatch,
        targets: TokenBatch,
        query_ids: np.ndarray,
        target_ids: np.ndarray,
        key: jax.Array | None = None,
    ) -> jax.Array:
        """The loss of a batch, in which equal texts are no negatives; without a key no dropout."""
        keys = (None, None) if key is None else jax.random.split(key)
        a, b = (
            encoder.apply(params, tokens, dropout_key=each)
            for tokens, each in zip((queries, targets), keys, strict=True)
        )
        return losses.batch_softmax(
            a, b, temperature=TEMPERATURE, query_ids=query_ids, target_ids=target_ids
        )

    @jax.jit
    def step(params: Params, state: optax.OptState, key: jax.Array, *batch) -> tuple:
        gradients = jax.grad(loss)(params, *batch, key)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state

    first, evaluate = batch(0), jax.jit(loss)
    print(f"loss before training: {evaluate(params, *first):.3f}")
    for k in range(STEPS):
        params, state = step(params, state, jax.random.fold_in(jax.random.key(1), k), *batch(k))
    print(f"loss after {STEPS} steps: {evaluate(params, *first):.3f}")
    trained = SentenceEncoder(encoder, params)
    cosine = trained.similarity(["Where can I park?"], ["Is there a car park?"])[0, 0]
    print(f"cosine of two questions: {cosine:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
