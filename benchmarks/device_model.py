"""Training steps in JAX, plain and with GradCache, and what all cases with a model share.

A model of a known shape has new weights; texts are made up, with lengths like those of sentences.
What counts are real tokens: padding is computed but not counted. The operations of a step are
three times those of the forward pass, 2 · 12 · d² a layer and token and 4 · d · n² a layer and text
of n tokens; MFU is their rate over the peak of the device in bfloat16.
"""

import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import made_up
import numpy as np
from device_measure import Found, memory_of_jax, repeat
from device_plan import Case

PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}
"""Dense operations a second in bfloat16, by a part of the device's name."""

SHAPES = {"MiniLM": (6, 384, 12), "BERT-base": (12, 768, 12), "tiny": (1, 32, 2)}
"""Layers, features, heads."""

STEPS = 10
LEARNING_RATE = 2e-5
_MAKING = threading.Lock()


def measure(case: Case, found: Found) -> dict[str, Any]:
    """Measure training steps, which follow each other without waiting.

    What takes its time before the first call is counted as first seconds.
    """
    import jax

    texts = make_texts(case)
    stepping = prepare_step(case, texts)
    times = repeat(stepping.run, jax.block_until_ready, together=STEPS, compiled=True)
    first = stepping.facts["compile_seconds"] + times["first_call_seconds"]
    return {
        **rate(case, count_tokens(texts), times, jax.devices()[0].device_kind),
        **stepping.facts,
        "first_seconds": first,
        **memory_of_jax(stepping.compiled),
    }


def make_texts(case: Case) -> list[str]:
    """Make the texts of a case: n of them to encode, or n pairs, two after another."""
    pairs = case["kind"] in ("step", "cached step", "profile")
    return made_up.make_texts(case["n"] * (2 if pairs else 1))


def count_tokens(texts: Sequence[str]) -> np.ndarray:
    """Count the tokens of each text: its words, and the two at its ends."""
    return np.array([text.count(" ") + 3 for text in texts])


def count_operations(shape: str, lengths: np.ndarray) -> float:
    """Count the operations of the forward pass on real tokens."""
    layers, features, _ = SHAPES[shape]
    dense = 2 * 12 * features**2 * int(lengths.sum())
    return layers * (dense + 4 * features * int((lengths**2).sum()))


def rate(case: Case, lengths: np.ndarray, times: dict[str, Any], device: str) -> dict[str, Any]:
    """Return the times with what follows from them: real tokens a second, and MFU."""
    passes = 3 if case["kind"] in ("step", "cached step") else 1
    operations = passes * count_operations(case["shape"], lengths)
    peak = next((most for name, most in PEAKS.items() if name in device), None)
    return {
        **times,
        "real_tokens": int(lengths.sum()),
        "tokens_per_second": int(lengths.sum()) / times["median"],
        "mfu": operations / times["median"] / peak if peak else None,
    }


class Stepping(NamedTuple):
    """A compiled step: ``run`` begins the next and returns its state."""

    run: Callable[[], Any]
    compiled: Any
    facts: dict[str, Any]


class Made(NamedTuple):
    """A step that is not compiled yet, and what it is given."""

    step: Any
    state: Any
    batch: Any
    facts: dict[str, Any]


def make_step(case: Case, texts: Sequence[str], mesh: Any) -> Made:
    """Make a training step on packed pairs of these texts, two after another."""
    from bscl_jax import data, losses, parallel, training
    from bscl_jax.types import Pairs

    encoder, weights = make_model(case)
    store = data.tokenize_pairs(Pairs(texts[::2], texts[1::2]), encoder.tokenize)
    size, lengths = len(store.scores), [store.queries.lengths, store.targets.lengths]
    batch = data.make_pair_batch(
        store,
        np.arange(size),
        0,
        batch_size=size,
        query_lengths=(128,),
        target_lengths=(128,),
        pad_id=encoder.pad_id,
        shapes=data.choose_shapes(
            lengths,
            batch_size=size,
            max_shapes=1,
            multiple=parallel.row_multiple(mesh),
            pads_to_powers=parallel.pads_to_powers(mesh),
        ),
    )
    tokens = batch.packed
    if tokens is None:
        raise RuntimeError("the batch is not packed")
    rows, length = tokens.ids.shape
    chunk_size = -(-rows // case["chunks"]) if "chunks" in case else None
    optimizer = training.make_optimizer(num_steps=1000, learning_rate=LEARNING_RATE)
    step = training.make_step(
        lambda params, tokens, key: encoder.apply(params["encoder"], tokens, dropout_key=key),
        lambda params, queries, targets, batch: losses.batch_softmax(queries, targets),
        optimizer,
        mesh=mesh,
        chunk_size=chunk_size,
    )
    state = training.init_state({"encoder": weights}, optimizer, mesh=parallel.make_mesh(1))
    return Made(step, state, batch, {"rows": rows, "row_length": length, "chunk_size": chunk_size})


def prepare_step(case: Case, texts: Sequence[str]) -> Stepping:
    """Make and compile a step, and put its batch on the device."""
    import jax

    from bscl_jax import parallel

    step, state, batch, facts = make_step(case, texts, parallel.make_mesh(1))
    placed, key, states = jax.device_put(batch), jax.random.key(0), [state]
    begin = time.perf_counter()
    compiled = step.lower(state, placed, key).compile()

    def run() -> Any:
        states[0], _ = compiled(states[0], placed, key)
        return states[0]

    return Stepping(run, compiled, {"compile_seconds": time.perf_counter() - begin, **facts})


def make_model(case: Case) -> tuple[Any, Any]:
    with _MAKING:
        return _make_once(case["shape"], case.get("attention"))


@cache
def _make_once(shape: str, attention: str | None) -> tuple[Any, Any]:
    """Make it on the CPU: a GPU compiles for ten seconds and more what draws the weights."""
    import jax

    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        return made_up.make_model(SHAPES[shape], dtype="bfloat16", attention=attention)
