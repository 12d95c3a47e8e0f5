"""Time and memory against what is large: pairs, batch, length, devices.

    python benchmarks/scale.py --out scale.json [--plot scale.svg] [--only cached]

Each case has a process of its own, of which the peak of resident memory is the whole, Python and
XLA's programs included (some 300 MiB). Seconds are those of one call, after one that compiles.
The slope is that of a straight line through the logarithms: 1 doubles with what is doubled.

- pairs: N made-up pairs of texts become token ids and content ids, and one example-based order of
  random vectors (64 features, 50 neighbors).
- loss: value and both gradients of the batch softmax in tiles, N pairs of 64 features.
- batch, length: a training step of all-MiniLM-L6-v2's shape; 64 tokens a text, or 16 pairs.
- devices: the same step of 64 pairs divided over virtual devices, which share the cores.
- cached: a training step of N pairs of 8 tokens with GradCache, in chunks of 256 rows.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_up
import numpy as np

AXES = {
    "pairs": [12_500, 50_000, 200_000],
    "loss": [4096, 16_384, 65_536, 262_144],
    "batch": [4, 16, 64, 256],
    "length": [16, 64, 256, 512],
    "devices": [1, 2, 4, 8],
    "cached": [1024, 8192, 65_536],
}
LABELS = {
    "pairs": "pairs of the data",
    "loss": "pairs of the loss",
    "batch": "pairs of a batch",
    "length": "tokens of a text",
    "devices": "virtual devices",
    "cached": "pairs, GradCache",
}
SMALL = {"pairs": [200, 400], "loss": [64, 128], "batch": [2, 4], "length": [8, 16]}
SMALL |= {"devices": [1, 2], "cached": [16, 32]}
SHAPE, TINY = (6, 384, 12), (1, 16, 2)
"""Layers, features, heads."""


def main() -> int:
    options = parse()
    if options.job:
        kind, size, small = json.loads(options.job)
        print(json.dumps(measure(kind, size, TINY if small else SHAPE)))
        return 0
    if options.measured:
        rows = json.loads(options.measured.read_text(encoding="utf-8"))
    else:
        axes = SMALL if options.small else AXES
        kinds = options.only or axes
        rows = [run(kind, size, options.small) for kind in kinds for size in axes[kind]]
    for kind in dict.fromkeys(row["kind"] for row in rows):
        show(kind, [row for row in rows if row["kind"] == kind])
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if options.plot:
        draw(rows, options.plot)
    return 0


def run(kind: str, size: int, small: bool) -> dict[str, Any]:
    """Measure a case in a process of its own."""
    job = [sys.executable, __file__, "--job", json.dumps([kind, size, small])]
    environment = {**os.environ}
    if kind == "devices":
        environment |= {
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={size}",
            "NPROC": "64",
        }
    done = subprocess.run(job, env=environment, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        note = done.stderr.strip().splitlines()[-1:]
        return {"kind": kind, "size": size, "note": "".join(note)[:200]}
    return {"kind": kind, "size": size, **json.loads(lines[-1])}


def measure(kind: str, size: int, shape: tuple[int, int, int]) -> dict[str, float]:
    """Measure a case in this process."""
    call = {
        "pairs": order_pairs,
        "loss": loss,
        "batch": lambda size: step(shape, pairs=size, length=64),
        "length": lambda size: step(shape, pairs=16, length=size),
        "devices": lambda size: step(shape, pairs=64, length=64, devices=size),
        "cached": lambda size: step(shape, pairs=size, length=8, chunk_size=min(256, size)),
    }[kind](size)
    if kind not in ("pairs", "cached") or size < 10_000:
        call()
    begin = time.perf_counter()
    call()
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "peak_bytes": peak}


def order_pairs(size: int) -> Callable[[], Any]:
    """Prepare the making of the data of N pairs and of an order."""
    from bscl_jax import data, shuffling
    from bscl_jax.types import Pairs

    texts = made_up.make_texts(2 * size)
    encoder, _ = made_up.make_model(TINY)
    vectors = np.random.default_rng(0).standard_normal((size, 64), dtype=np.float32)

    def call() -> None:
        data.tokenize_pairs(Pairs(texts[:size], texts[size:]), encoder.tokenize)
        shuffling.by_example(vectors, seed=0, group_size=4, num_neighbors=50)

    return call


def loss(size: int) -> Callable[[], Any]:
    """Prepare value and gradients of the loss in tiles."""
    import jax

    from bscl_jax import losses

    queries, targets = np.random.default_rng(0).standard_normal((2, size, 64), dtype=np.float32)
    slope = jax.jit(
        jax.value_and_grad(
            lambda q, t: losses.batch_softmax(q, t, implementation="tiled"), argnums=(0, 1)
        )
    )
    return lambda: jax.block_until_ready(slope(queries, targets))


def step(
    shape: tuple[int, int, int],
    *,
    pairs: int,
    length: int,
    devices: int = 1,
    chunk_size: int | None = None,
) -> Callable[[], Any]:
    """Prepare a training step of texts of one length."""
    import jax

    from bscl_jax import losses, parallel, training
    from bscl_jax.types import PairBatch, TokenBatch

    encoder, weights = made_up.make_model(shape)
    random = np.random.default_rng(0)

    def texts() -> TokenBatch:
        ids = random.integers(10, made_up.WORDS, (pairs, length)).astype(np.int32)
        return TokenBatch(ids, np.ones(ids.shape, bool))

    ones, numbers = np.ones(pairs, np.float32), np.arange(pairs, dtype=np.int32)
    mesh = parallel.make_mesh(devices)
    batch = PairBatch(texts(), texts(), ones, ones, numbers, pairs + numbers)
    optimizer = training.make_optimizer(num_steps=1000)
    implementation = "tiled" if pairs > 4096 else "dense"
    take = training.make_step(
        lambda params, tokens, key: encoder.apply(params["encoder"], tokens, dropout_key=key),
        lambda params, queries, targets, batch: losses.batch_softmax(
            queries, targets, implementation=implementation
        ),
        optimizer,
        mesh=mesh,
        chunk_size=chunk_size,
    )
    states = [training.init_state({"encoder": weights}, optimizer, mesh=mesh)]
    placed, key = parallel.place(batch, mesh), jax.random.key(0)

    def call() -> None:
        states[0], _ = take(states[0], placed, key)
        jax.block_until_ready(states[0])

    return call


def slope(sizes: list[int], values: list[float]) -> float:
    """Return the slope of a straight line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def show(kind: str, rows: list[dict[str, Any]]) -> None:
    """Print the cases of a kind, and the slopes of what was measured."""
    print(f"{kind:>9}    seconds   peak MiB")
    for row in rows:
        what = row.get("note") or f"{row['seconds']:10.3f} {row['peak_bytes'] / 2**20:10.0f}"
        print(f"{row['size']:>9} {what}")
    measured = [row for row in rows if "seconds" in row]
    if len(measured) > 1:
        sizes = [row["size"] for row in measured]
        of = [slope(sizes, [row[what] for row in measured]) for what in ("seconds", "peak_bytes")]
        print(f"    slope {of[0]:10.2f} {of[1]:10.2f}")


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw seconds and memory against size, log–log, a column for each kind."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    plain = FuncFormatter(lambda value, _: f"{value:,.10g}")
    with mpl.rc_context({"svg.hashsalt": "scale", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(2.1 * len(kinds), 4.4), layout="constrained")
        panels = figure.subplots(2, len(kinds), squeeze=False, sharex="col")
        for column, kind in zip(panels.T, kinds, strict=True):
            measured = [row for row in rows if row["kind"] == kind and "seconds" in row]
            sizes = [row["size"] for row in measured]
            seconds = [row["seconds"] for row in measured]
            gibibytes = [row["peak_bytes"] / 2**30 for row in measured]
            for axes, values in zip(column, (seconds, gibibytes), strict=True):
                axes.loglog(sizes, values, "o-", color="#0072B2", markersize=4)
                middle = float(np.exp(np.mean(np.log(values)))) if values else 1.0
                least, most = min([*values, middle / 6]), max([*values, middle * 6])
                axes.set_ylim(least / 1.3, most * 1.3)  # what is flat looks flat
                axes.yaxis.set_major_locator(LogLocator(10))
                axes.yaxis.set_major_formatter(plain)
                axes.set_xticks(sizes[:: max(1, len(sizes) - 1)])
                axes.xaxis.set_major_formatter(plain)
                axes.xaxis.set_minor_locator(NullLocator())
                axes.grid(alpha=0.3)
                axes.spines[["top", "right"]].set_visible(False)
                if len(sizes) > 1:
                    axes.set_title(f"slope {slope(sizes, values):.2f}", fontsize=9)
            column[1].set_xlabel(LABELS[kind])
        panels[0, 0].set_ylabel("seconds")
        panels[1, 0].set_ylabel("GiB, whole process")
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=200, metadata=metadata)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=AXES, help="some of the kinds")
    parser.add_argument("--small", action="store_true", help="toy sizes")
    parser.add_argument("--measured", type=Path, help="show and draw what was measured before")
    parser.add_argument("--out", type=Path, help="the figures, in JSON")
    parser.add_argument("--plot", type=Path, help="the figure")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
