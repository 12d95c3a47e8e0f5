"""Encoding in JAX: from texts, from their tokens, and the forward pass alone."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from device_measure import Found, memory_of_jax, repeat
from device_model import count_tokens, make_model, make_texts, rate
from device_plan import Case

FORWARDS = 20


def measure(case: Case, found: Found) -> dict[str, Any]:
    """Measure one case."""
    return {
        "encode": measure_encoding,
        "encode tokens": measure_encoding_of_tokens,
        "embed device": measure_forward,
    }[case["kind"]](case, make_texts(case))


def measure_encoding(case: Case, texts: Sequence[str]) -> dict[str, Any]:
    """Measure the encoding of texts, tokenizing included."""
    from bscl_jax import SentenceEncoder

    model = SentenceEncoder(*make_model(case), devices=1)
    return _measure_calls(case, texts, lambda: model.encode(texts, batch_size=case["batch_size"]))


def measure_encoding_of_tokens(case: Case, texts: Sequence[str]) -> dict[str, Any]:
    """Measure the same from token ids: batches are laid out, computed and collected."""
    from bscl_jax import data, evaluation, parallel

    encoder, weights = make_model(case)
    mesh = parallel.make_mesh(1)
    params, encode = parallel.replicate(weights, mesh), _jit(encoder.apply)
    token_ids = data.tokenize_all(texts, encoder.tokenize)
    embed = evaluation.make_embed(
        lambda _: token_ids,
        lambda tokens: encode(params, parallel.place(tokens, mesh)),
        pad_id=encoder.pad_id,
        dimension=encoder.dimension,
        batch_size=case["batch_size"],
        max_length=encoder.max_length,
        most_tokens=encoder.most_tokens,
    )
    return _measure_calls(case, texts, lambda: embed(texts))


class Forward(NamedTuple):
    """A compiled forward pass: ``run`` begins one; the tokens of its texts."""

    run: Callable[[], Any]
    compiled: Any
    lengths: np.ndarray
    facts: dict[str, Any]


def prepare_forward(case: Case, texts: Sequence[str]) -> Forward:
    """Compile the forward pass of one packed batch, and put the batch on the device."""
    from bscl_jax import data, parallel

    encoder, weights = make_model(case)
    lengths = count_tokens(texts)
    rows = max(data.pack_all(lengths, most_tokens=encoder.most_tokens), key=lambda x: len(x.texts))
    chosen = rows.texts[: case["batch_size"]]
    token_lists = data.Ragged.from_lists(encoder.tokenize(texts))
    batch, _, _ = data.lay_out(token_lists, chosen, rows.shape(len(chosen)), encoder.pad_id)
    mesh = parallel.make_mesh(1)
    params, placed = parallel.replicate(weights, mesh), parallel.place(batch, mesh)
    begin = time.perf_counter()
    compiled = _jit(encoder.apply).lower(params, placed).compile()
    facts = {
        "compile_seconds": time.perf_counter() - begin,
        "rows": len(chosen),
        "row_length": rows.length,
    }
    inside = np.concatenate([lengths[row] for row in chosen])
    return Forward(lambda: compiled(params, placed), compiled, inside, facts)


def measure_forward(case: Case, texts: Sequence[str]) -> dict[str, Any]:
    """Measure the forward pass alone, of one packed batch that is on the device already."""
    import jax

    forward = prepare_forward(case, texts)
    times = repeat(forward.run, jax.block_until_ready, together=FORWARDS, compiled=True)
    first = forward.facts["compile_seconds"] + times["first_call_seconds"]
    return {
        **rate(case, forward.lengths, times, jax.devices()[0].device_kind),
        **forward.facts,
        "first_seconds": first,
        **memory_of_jax(forward.compiled),
    }


def _jit(apply: Callable[..., Any]) -> Any:
    """Compile as ``SentenceEncoder`` does."""
    import jax

    from bscl_jax import parallel

    return jax.jit(apply, compiler_options=parallel.compiler_options())


def _measure_calls(
    case: Case, texts: Sequence[str], run: Callable[[], np.ndarray]
) -> dict[str, Any]:
    import jax

    times = repeat(run, lambda vectors: vectors)
    return {
        **rate(case, count_tokens(texts), times, jax.devices()[0].device_kind),
        "first_seconds": times["first_call_seconds"],
        **memory_of_jax(),
    }
