"""Training steps, GradCache and encoding on an accelerator: the jobs of ``device.py`` with a model.

A model of a known shape has new weights; texts are made up, with lengths like those of sentences.
What counts are real tokens: padding is computed but not counted. The operations of a step are
three times those of the forward pass, 2 · 12 · d² a layer and token and 4 · d · n² a layer and text
of n tokens; MFU is their rate over the peak of the device in bfloat16.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import made_up
import numpy as np

PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}
"""Dense operations a second in bfloat16, by a part of the device's name."""

SHAPES = {"MiniLM": (6, 384, 12), "BERT-base": (12, 768, 12), "tiny": (1, 32, 2)}
"""Layers, features, heads."""

STEPS = 10
LEARNING_RATE = 2e-5


def plan(small: bool) -> list[dict[str, Any]]:
    """Return what each process is to measure, the most telling first."""
    shapes = ["tiny"] if small else ["MiniLM", "BERT-base"]
    libraries = ["jax"] if small else ["jax", "torch"]
    batches = [32] if small else [256, 1024]
    jobs = [
        {"kind": kind, "library": library, "shape": shape, "sizes": sizes}
        for kind, sizes in {"step": batches, "encode": [256 if small else 65536]}.items()
        for shape in shapes
        for library in libraries
    ]
    cached = {"kind": "cached step", "library": "jax", "sizes": [32] if small else [1024, 8192]}
    return [*jobs, *({**cached, "shape": shape} for shape in shapes)]


def measure(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a line a size, in this process."""
    prepare = {
        ("step", "jax"): step_in_jax,
        ("cached step", "jax"): cached_step_in_jax,
        ("encode", "jax"): encode_in_jax,
        ("step", "torch"): step_in_torch,
        ("encode", "torch"): encode_in_torch,
    }[job["kind"], job["library"]]
    named = {key: value for key, value in job.items() if key != "sizes"}
    for size in job["sizes"]:
        texts = made_up.make_texts(2 * size)
        lengths = np.array([len(text.split()) + 2 for text in texts])
        passes = 1 if job["kind"] == "encode" else 3
        operations = passes * count_operations(job["shape"], lengths)
        try:
            begin = time.perf_counter()
            run, device = prepare(job["shape"], texts)
            run()
            first = time.perf_counter() - begin
            seconds = [timed(run) for _ in range(3 if job["kind"] == "encode" else STEPS)]
        except Exception as error:
            yield {**named, "n": size, "note": f"{type(error).__name__}: {error}"[:300]}
            continue
        median = statistics.median(seconds)
        peak = next((rate for name, rate in PEAKS.items() if name in device), None)
        yield {
            **named,
            "n": size,
            "seconds": seconds,
            "median": median,
            "first_seconds": first,
            "tokens_per_second": int(lengths.sum()) / median,
            "mfu": operations / median / peak if peak else None,
        }


def timed(run: Callable[[], Any]) -> float:
    """Return the seconds of one call."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def count_operations(shape: str, lengths: np.ndarray) -> float:
    """Count the operations of the forward pass on real tokens."""
    layers, features, _ = SHAPES[shape]
    dense = 2 * 12 * features**2 * int(lengths.sum())
    return layers * (dense + 4 * features * int((lengths**2).sum()))


def step_in_jax(
    shape: str, texts: Sequence[str], chunk_size: int | None = None
) -> tuple[Callable[[], Any], str]:
    """Prepare a training step on packed pairs of these texts, two after another."""
    import jax

    from bscl_jax import data, losses, parallel, training
    from bscl_jax.types import Pairs

    encoder, weights = made_up.make_model(SHAPES[shape], dtype="bfloat16")
    store = data.tokenize_pairs(Pairs(texts[::2], texts[1::2]), encoder.tokenize)
    size, lengths = len(store.scores), [store.queries.lengths, store.targets.lengths]
    shapes = data.choose_shapes(lengths, batch_size=size, max_shapes=1, multiple=chunk_size or 1)
    batch = data.make_pair_batch(
        store,
        np.arange(size),
        0,
        batch_size=size,
        query_lengths=(128,),
        target_lengths=(128,),
        pad_id=encoder.pad_id,
        shapes=shapes,
    )
    mesh = parallel.make_mesh(1)
    optimizer = training.make_optimizer(num_steps=1000, learning_rate=LEARNING_RATE)
    step = training.make_step(
        lambda params, tokens, key: encoder.apply(params["encoder"], tokens, dropout_key=key),
        lambda params, queries, targets, batch: losses.batch_softmax(queries, targets),
        optimizer,
        mesh=mesh,
        chunk_size=chunk_size,
    )
    placed, key = jax.device_put(batch), jax.random.key(0)
    states = [training.init_state({"encoder": weights}, optimizer, mesh=mesh)]

    def run() -> None:
        states[0], _ = step(states[0], placed, key)
        jax.block_until_ready(states[0])

    return run, jax.devices()[0].device_kind


def cached_step_in_jax(shape: str, texts: Sequence[str]) -> tuple[Callable[[], Any], str]:
    """Prepare the same with the cached gradient, in chunks of an eighth of its rows or so."""
    return step_in_jax(shape, texts, chunk_size=max(8, len(texts) // 64))


def encode_in_jax(shape: str, texts: Sequence[str]) -> tuple[Callable[[], Any], str]:
    """Prepare the encoding of texts, tokenizing included."""
    import jax

    from bscl_jax import SentenceEncoder

    model = SentenceEncoder(*made_up.make_model(SHAPES[shape], dtype="bfloat16"), devices=1)
    return lambda: model.encode(texts, batch_size=1024), jax.devices()[0].device_kind


def load_in_torch(shape: str, texts: Sequence[str]) -> Any:
    """Load the same model with sentence-transformers, in bfloat16, attention fused."""
    import torch
    from sentence_transformers import SentenceTransformer

    from bscl_jax import export

    if not torch.cuda.is_available():
        raise RuntimeError("this torch sees no CUDA GPU")
    with tempfile.TemporaryDirectory() as folder:
        export.sentence_transformers(
            Path(folder, "model"), *made_up.make_model(SHAPES[shape], dtype="bfloat16"), card="# m"
        )
        options: Any = {"torch_dtype": torch.bfloat16, "attn_implementation": "sdpa"}
        return SentenceTransformer(f"{folder}/model", device="cuda", model_kwargs=options)


def step_in_torch(shape: str, texts: Sequence[str]) -> tuple[Callable[[], Any], str]:
    """Prepare a training step of sentence-transformers on these texts, tokenized before."""
    import torch
    from sentence_transformers.sentence_transformer import losses

    model = load_in_torch(shape, texts).train()
    loss = losses.MultipleNegativesSymmetricRankingLoss(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, fused=True)
    sides = [
        {name: value.cuda() for name, value in model.tokenize(list(side)).items()}
        for side in (texts[::2], texts[1::2])
    ]

    def run() -> None:
        loss([dict(side) for side in sides], None).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        torch.cuda.synchronize()

    return run, torch.cuda.get_device_name()


def encode_in_torch(shape: str, texts: Sequence[str]) -> tuple[Callable[[], Any], str]:
    """Prepare the encoding of texts by sentence-transformers, tokenizing included."""
    import torch

    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    model = load_in_torch(shape, texts)
    return lambda: model.encode(texts, batch_size=1024), torch.cuda.get_device_name()
