"""Time, arithmetic and memory of the cached gradient (GradCache) against the plain one.

    python benchmarks/gradients.py --out gradients.json

All variants take the gradient of the same batch of random texts, one after the other, round by
round; a variant's time is its median over the rounds. Three ratios are printed:

time      cached over plain on the same batch;
small     cached over plain steps of one chunk each that together see the same tokens (negatives
          are fewer there, so this is no substitute; it tells the price of the second forward pass
          apart from what a plain step loses on activations that fit no processor cache);
flops     XLA's count of the operations of cached over plain; the floor is 4/3.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from bscl_jax import encoders, gradients, losses
from bscl_jax.types import PairBatch, Params, TokenBatch

MIB = 2**20
COLUMNS = ("length", "dropout", "chunk", "plain s", "cached s", "time", "small", "flops")
MEMORY = ("plain MiB", "cached MiB")


def main() -> None:
    options = parse()
    encoder, weights = encoders.load(options.model)
    params = {"encoder": weights, "log_temperature": jnp.log(jnp.float32(0.1))}
    state = (params, optax.adam(1e-5).init(params)) if options.adam else params

    def encode(params: Params, tokens: TokenBatch, dropout_key: Any) -> jax.Array:
        return encoder.apply(params["encoder"], tokens, dropout_key=dropout_key)

    outside = flops_outside(params, encoder.dimension, options)
    rows = []
    print("  ".join(f"{name:>10}" for name in COLUMNS + MEMORY))
    for length, dropout in product(options.lengths, options.dropout):
        key = jax.random.key(0) if dropout == "on" else None
        for row in measure(encode, state, length, key, outside, options):
            rows.append(row)
            print("  ".join(f"{show(row[name]):>10}" for name in COLUMNS + MEMORY), flush=True)
    if options.out:
        facts = {"jax": jax.__version__, "device": str(jax.devices()[0].device_kind)}
        facts |= {"cores": os.cpu_count(), "machine": platform.machine()}
        settings = {name: str(value) for name, value in vars(options).items()}
        options.out.write_text(json.dumps(facts | {"options": settings, "rows": rows}, indent=1))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--batch", type=int, default=128, help="pairs")
    parser.add_argument("--chunks", type=int, nargs="+", default=[16, 32, 64], help="rows")
    parser.add_argument("--lengths", type=int, nargs="+", default=[32, 64], help="tokens of a text")
    parser.add_argument("--dropout", nargs="+", choices=["off", "on"], default=["off", "on"])
    parser.add_argument("--adam", action="store_true", help="time the whole step, with Adam")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    return parser.parse_args()


def show(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def loss(params: Params, queries: jax.Array, targets: jax.Array, batch: PairBatch) -> jax.Array:
    return losses.batch_softmax(queries, targets, temperature=jnp.exp(params["log_temperature"]))


def make_batch(rows: int, length: int) -> PairBatch:
    rng = np.random.default_rng(0)

    def texts() -> TokenBatch:
        ids = rng.integers(1000, 30000, size=(rows, length)).astype(np.int32)
        return TokenBatch(ids, np.ones((rows, length), bool))

    ones, ids = np.ones(rows, np.float32), np.arange(rows, dtype=np.int32)
    return jax.device_put(PairBatch(texts(), texts(), ones, ones, ids, ids))


def measure(
    encode: gradients.Encode,
    state: Any,
    length: int,
    key: Any,
    outside: float,
    options: argparse.Namespace,
) -> Iterator[dict[str, Any]]:
    """Yield a row for each chunk size."""

    def prepare(compute: gradients.ValueAndGrad, rows: int) -> Program:
        return Program(with_update(compute, options.adam), state, make_batch(rows, length), key)

    plain_gradient = gradients.value_and_grad(encode, loss)
    plain = prepare(plain_gradient, options.batch)
    small, cached = {}, {}
    for chunk in options.chunks:
        compute = gradients.cached_value_and_grad(encode, loss, chunk_size=chunk)
        small[chunk] = prepare(plain_gradient, chunk)
        cached[chunk] = prepare(compute, options.batch)
    for _ in range(options.rounds):
        for program in (plain, *cached.values(), *small.values()):
            program.time_once()
    for chunk in options.chunks:
        chunks = -(-options.batch // chunk)
        seconds = cached[chunk].median()
        yield {
            "length": length,
            "dropout": "off" if key is None else "on",
            "chunk": chunk,
            "plain s": plain.median(),
            "cached s": seconds,
            "time": seconds / plain.median(),
            "small": seconds / (chunks * small[chunk].median()),
            # XLA counts one round of the loops.
            "flops": (chunks * (cached[chunk].flops - outside) + outside) / plain.flops,
            "plain MiB": plain.mebibytes,
            "cached MiB": cached[chunk].mebibytes,
            "all seconds": {"plain": plain.seconds, "cached": cached[chunk].seconds},
        }


def with_update(compute: gradients.ValueAndGrad, adam: bool) -> Callable[..., Any]:
    """Return the gradient alone, or the step: (state, batch, key) -> something to wait for."""
    if not adam:
        return compute

    def step(state: Any, batch: PairBatch, key: Any) -> Any:
        params, moments = state
        value, grads = compute(params, batch, key)
        updates, moments = optax.adam(1e-5).update(grads, moments, params)
        return value, (optax.apply_updates(params, updates), moments)

    return step


class Program:
    """A compiled function with its arguments, run once to warm up, and its times so far."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.arguments, self.seconds = arguments, []
        self.run = jax.jit(function).lower(*arguments).compile()
        self.flops = self.run.cost_analysis()["flops"]
        self.mebibytes = self.run.memory_analysis().temp_size_in_bytes // MIB
        jax.block_until_ready(self.run(*arguments))

    def time_once(self) -> None:
        """Run once more and remember the seconds."""
        start = time.perf_counter()
        jax.block_until_ready(self.run(*self.arguments))
        self.seconds.append(time.perf_counter() - start)

    def median(self) -> float:
        """Return the median of the seconds so far."""
        return statistics.median(self.seconds)


def flops_outside(params: Params, dimension: int, options: argparse.Namespace) -> float:
    """Estimate the operations outside the loops: the loss's products, and Adam's update."""
    of_adam = 14 * sum(leaf.size for leaf in jax.tree.leaves(params)) if options.adam else 0
    return 6 * options.batch**2 * dimension + of_adam


if __name__ == "__main__":
    main()
