"""Training steps and encoding by sentence-transformers: the cases of ``device.py`` in torch.

Its attention is fused (sdpa) and so is AdamW. Weights are in bfloat16 altogether, or in float32
with the computation under autocast, which is what its trainer does with ``bf16=True``.
"""

import contextlib
import importlib
import importlib.metadata
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import made_up
import numpy as np
from device_measure import Found, repeat
from device_model import LEARNING_RATE, SHAPES, STEPS, count_tokens, make_texts, rate
from device_plan import Case


def measure(case: Case, found: Found) -> dict[str, Any]:
    """Measure one case."""
    import torch

    device = find_device(case["shape"] == "tiny")
    warnings.simplefilter("ignore")
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    model, texts = load(case, found.folder, device), make_texts(case)
    prepare = {"step": step, "encode": encode, "encode tokens": encode_tokens}[case["kind"]]
    together = STEPS if case["kind"] == "step" else 1

    def wait(result: Any) -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    times = repeat(prepare(case, model, texts, device), wait, together=together)
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    return {
        **rate(case, count_tokens(texts), times, name),
        "first_seconds": times["first_call_seconds"],
        "peak_bytes": torch.cuda.max_memory_allocated() if device == "cuda" else None,
        "versions": {
            package: importlib.metadata.version(package)
            for package in ("torch", "transformers", "sentence-transformers")
        },
    }


def find_device(small: bool) -> str:
    """Return the device of torch: a GPU, or at toy sizes a CPU."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if small:
        return "cpu"
    raise RuntimeError("this torch sees no CUDA GPU")


def load(case: Case, folder: Path, device: str) -> Any:
    """Load the model of a shape that the library in JAX has made."""
    import torch
    from sentence_transformers import SentenceTransformer

    from bscl_jax import export

    path = folder / f"model-{case['shape']}"
    if not path.exists():
        made = made_up.make_model(SHAPES[case["shape"]], dtype="bfloat16")
        export.sentence_transformers(path, *made, card="# made up")
    dtype = torch.bfloat16 if case["weights"] == "bfloat16" else torch.float32
    options: Any = {"dtype": dtype, "attn_implementation": "sdpa"}
    return SentenceTransformer(str(path), device=device, model_kwargs=options)


def step(case: Case, model: Any, texts: Sequence[str], device: str) -> Callable[[], Any]:
    """Prepare a training step on these texts, tokenized before."""
    import torch
    from sentence_transformers.sentence_transformer import losses

    model.train()
    loss = losses.MultipleNegativesSymmetricRankingLoss(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, fused=True)
    sides = [_tokenize(model, list(texts)[start::2], device) for start in (0, 1)]
    rounded = case["weights"] == "autocast"

    def run() -> None:
        computing = torch.autocast(device, torch.bfloat16) if rounded else contextlib.nullcontext()
        with computing:
            found = loss([dict(side) for side in sides], None)
        found.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return run


def encode(case: Case, model: Any, texts: Sequence[str], device: str) -> Callable[[], Any]:
    """Prepare the encoding of texts, tokenizing included."""
    return lambda: model.encode(list(texts), batch_size=case["batch_size"], show_progress_bar=False)


def encode_tokens(case: Case, model: Any, texts: Sequence[str], device: str) -> Callable[[], Any]:
    """Prepare the same from padded batches of like lengths that are on the host."""
    import torch

    model.eval()
    listed = list(texts)
    order, size = np.argsort(-count_tokens(texts), kind="stable"), case["batch_size"]
    batches = [
        _tokenize(model, [listed[i] for i in order[start : start + size].tolist()], "cpu")
        for start in range(0, len(order), size)
    ]

    def run() -> np.ndarray:
        with torch.inference_mode():
            vectors = [
                model({name: value.to(device, non_blocking=True) for name, value in batch.items()})[
                    "sentence_embedding"
                ]
                for batch in batches
            ]
            return torch.cat(vectors).float().cpu().numpy()

    return run


def _tokenize(model: Any, texts: Sequence[str], device: str) -> dict[str, Any]:
    import torch

    tokens = model.tokenize(list(texts))
    return {
        name: value.to(device) for name, value in tokens.items() if isinstance(value, torch.Tensor)
    }
