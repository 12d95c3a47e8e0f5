"""Value and both gradients of the losses on embeddings that are on the device, in JAX and torch.

A size beyond the middle one is measured only where the time that the middle one predicts is left.
"""

import functools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import device_plan
import numpy as np
from device_measure import Found, memory_of_jax, repeat
from device_plan import Case

DIMENSION = 384
TEMPERATURE = 0.05
OPERATIONS = 8  # the tiled loss, forward and backward: 8·N²·d
PREPARING = 20.0  # seconds, of a large size


class Prepared(NamedTuple):
    """A loss on placed embeddings: ``run`` returns when done, ``read`` brings its results here."""

    run: Callable[[], Any]
    read: Callable[[Any], tuple[float, list[np.ndarray]]]
    memory: Callable[[], dict[str, Any]]
    facts: dict[str, Any]


def measure(case: Case, found: Found) -> dict[str, Any]:
    """Measure one case."""
    chosen, facts = choose(case, found)
    if "note" in facts:
        return facts
    n = case["n"]
    generator = np.random.default_rng(0)
    queries = generator.standard_normal((n, DIMENSION), dtype=np.float32)
    targets = generator.standard_normal((n, DIMENSION), dtype=np.float32) + 0.25 * queries
    prepare = _in_torch if case["library"] == "torch" else _in_jax
    prepared = prepare(chosen, queries, targets)
    del queries, targets
    large = case["size"] not in ("8k", device_plan.MIDDLE)
    kept: list[Any] = []

    def run() -> Any:
        kept[:] = [prepared.run()]

    # Whatever torch compiles it has compiled at the smaller sizes.
    times = repeat(run, lambda _: None, groups=5, compiled=large or case["library"] == "jax")
    facts |= times | prepared.facts | prepared.memory()
    loss, gradients = prepared.read(kept.pop())
    facts |= {
        "loss": loss,
        "flops_per_second": OPERATIONS * n**2 * DIMENSION / times["median"],
        "first_seconds": facts.get("compile_seconds", 0) + times["first_call_seconds"],
    }
    if case["size"] == "8k":
        facts["gradient_cosine"] = _cosine(case, gradients, found.folder / "reference.npy")
    return facts


def choose(case: Case, found: Found) -> tuple[Case, dict[str, Any]]:
    """Return the case with its implementation, and a note if that will take too long."""
    predicted = case["size"] in ("131k", "1M")
    if not predicted and case["name"] != device_plan.FASTEST:
        return case, {}
    wanted = {"library": case["library"], "precision": case["precision"], "dtype": "float32"}
    if case["name"] != device_plan.FASTEST:
        wanted |= {"name": case["name"], "setting": case["setting"]}
    known = [
        each
        for each in found.done
        if each.get("size") == device_plan.MIDDLE
        and "median" in each
        and each["name"] != "dense"
        and all(each[key] == value for key, value in wanted.items())
    ]
    if not known:
        return case, {"note": "nothing at the middle size to predict it from"}
    best = min(known, key=lambda each: each["median"])
    chosen = {**case, "name": best["name"], "setting": best["setting"]}
    seconds = best["median"] * (case["n"] / best["n"]) ** 2
    facts: dict[str, Any] = {"chosen": f"{best['name']} {best['setting']}"}
    if case["name"] != device_plan.FASTEST:
        facts = {}
    if predicted:
        facts["predicted_seconds"] = seconds
        left = found.end - time.time() - PREPARING
        if seconds > left:
            facts["note"] = f"predicted to take {seconds:.0f} s, {max(left, 0):.0f} s were left"
    return chosen, facts


def _in_jax(case: Case, queries: np.ndarray, targets: np.ndarray) -> Prepared:
    import jax
    import jax.numpy as jnp

    from bscl_jax import losses

    keywords: dict[str, Any] = {"implementation": case["name"], "temperature": TEMPERATURE}
    if case["setting"] is not None:
        keywords["tile_size"] = case["setting"]
    if case["precision"] != "highest":
        keywords["precision"] = case["precision"]
    placed = [jax.block_until_ready(jnp.asarray(x, case["dtype"])) for x in (queries, targets)]
    slope = jax.value_and_grad(lambda q, t: losses.batch_softmax(q, t, **keywords), argnums=(0, 1))
    begin = time.perf_counter()
    compiled = jax.jit(slope).lower(*placed).compile()
    seconds = time.perf_counter() - begin

    def read(results: Any) -> tuple[float, list[np.ndarray]]:
        loss, gradients = results
        return float(loss), [np.asarray(x, np.float32) for x in gradients]

    return Prepared(
        lambda: jax.block_until_ready(compiled(*placed)),
        read,
        lambda: memory_of_jax(compiled),
        {"compile_seconds": seconds},
    )


def _in_torch(case: Case, queries: np.ndarray, targets: np.ndarray) -> Prepared:
    import torch
    from device_torch import find_device

    device = find_device(case["n"] < min(device_plan.FULL.sizes.values()))
    contender = _contenders("inf_cl" if case["name"] == "inf_cl" else "rest")[case["name"]]
    # TF32 is what JAX's default precision is on a GPU.
    torch.set_float32_matmul_precision("high" if case["precision"] == "default" else "highest")
    dtype = getattr(torch, case["dtype"])
    placed = [
        torch.from_numpy(x).to(device, dtype, copy=True).requires_grad_()
        for x in (queries, targets)
    ]
    compiled = contender.compile(len(queries), DIMENSION, case["setting"])
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()

    def read(results: Any) -> tuple[float, list[np.ndarray]]:
        loss, *gradients = results
        return loss.item(), [x.float().cpu().numpy() for x in gradients]

    def memory() -> dict[str, Any]:
        return {"peak_bytes": torch.cuda.max_memory_allocated() if device == "cuda" else None}

    return Prepared(lambda: compiled.call(*placed), read, memory, {})


@functools.cache
def _contenders(library: str) -> dict[str, Any]:
    import losses_contenders as libraries

    make = libraries.inf_cl if library == "inf_cl" else libraries.sentence_transformers
    return make(os.cpu_count() or 1).contenders


def _cosine(case: Case, gradients: list[np.ndarray], path: Path) -> float | None:
    """Compare both sides' gradients with those of the dense loss in float32, the first case's."""
    found = np.stack(gradients).astype(np.float64).ravel()
    exact = (case["library"], case["name"], case["dtype"], case["precision"])
    if exact == ("jax", "dense", "float32", "highest"):
        np.save(path, found)
    if not path.exists():
        return None
    right = np.load(path)
    return float(found @ right / np.linalg.norm(found) / np.linalg.norm(right))
