"""What the compiler makes of this library: operations, work and memory, however busy the machine.

    python benchmarks/counts.py [--out counts.json]

For a few programs that stand for the rest (losses, the training step, the cached gradient,
embedding): instructions of the optimized program, floating-point operations and bytes that it
moves as XLA counts them (a loop's body once), and bytes of its temporaries. For a whole small run:
programs compiled.
Nothing is timed. ``compare.py`` compares the counts of two commits; those of the last one that was
counted on each kind of machine are in ``counts.json``, with which
``tests/benchmarks/test_counts.py`` compares.
"""

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bscl_jax import assemble, cli, config, losses

REPOSITORY = Path(__file__).resolve().parent.parent
SMOKE = REPOSITORY / "configs" / "smoke.yaml"

Counts = dict[str, dict[str, int]]


def count_all() -> Counts:
    """Return the counts of all programs, by name."""
    counts = {name: count(compiled) for name, compiled in programs()}
    return counts | {"a run": {"programs": count_run()}}


def programs() -> Iterator[tuple[str, jax.stages.Compiled]]:
    """Compile the programs that are counted."""
    rows = jnp.zeros((512, 64))
    for implementation in ("dense", "tiled"):

        def loss(queries: jax.Array, targets: jax.Array, kind: Any = implementation) -> jax.Array:
            return losses.batch_softmax(queries, targets, implementation=kind, tile_size=128)

        yield f"loss, {implementation}", compile(jax.value_and_grad(loss, (0, 1)), rows, rows)
    for name, overrides in {"step": [], "step, cached": ["training.chunk_size=8"]}.items():
        road = assemble.lay_road(config.load(SMOKE, overrides))
        batch = road.batch(np.arange(len(road.task.train.queries)), 0)
        step: Any = road.step(1)
        yield name, compile(step, road.state, batch, jax.random.key(0), given_up=0)
    encoder, weights = road.towers.queries.model(road.state.params)
    assert batch.packed is not None
    yield "embedding", compile(encoder.apply, weights, batch.packed)


def compile(
    function: Any, *arguments: Any, given_up: int | tuple[int, ...] = ()
) -> jax.stages.Compiled:
    """Compile a function for some arguments, of which some are given up to it (donated)."""
    return jax.jit(function, donate_argnums=given_up).lower(*arguments).compile()


def count(compiled: jax.stages.Compiled) -> dict[str, int]:
    """Count what a program does."""
    cost: Any = compiled.cost_analysis()
    memory: Any = compiled.memory_analysis()
    return {
        "instructions": sum(" = " in line for line in compiled.as_text().splitlines()),
        "operations": int(cost["flops"]),
        "bytes moved": int(cost["bytes accessed"]),
        "bytes of temporaries": int(memory.temp_size_in_bytes),
    }


def count_run() -> int:
    """Count the programs that a small run compiles from beginning to end, if nothing is kept."""
    compiled: list[str] = []

    def listen(event: str, *_: Any, **__: Any) -> None:
        if event.endswith("backend_compile_duration"):
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    jax.clear_caches()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        os.environ["XDG_CACHE_HOME"] = folder
        settings = ["training.epochs=1", "export.format=none", f"run.dir={folder}/run"]
        sets = [word for each in settings for word in ("--set", each)]
        if cli.main(["train", "--config", str(SMOKE), *sets]):
            raise RuntimeError("the run failed")
    return len(compiled)


def machine() -> dict[str, str]:
    """Return what the compiler's choices depend on: with other cores it divides otherwise."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "jax": jax.__version__,
        "cores": str(os.cpu_count()),
        "processor": next(iter(models), platform.processor()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="a file that keeps what other machines counted")
    options = parser.parse_args()
    here = {"machine": machine(), "counts": count_all()}
    known = json.loads(options.out.read_text()) if options.out and options.out.exists() else []
    others = [each for each in known if each["machine"] != here["machine"]]
    text = json.dumps([*others, here], indent=1)
    options.out.write_text(text + "\n") if options.out else print(text)


if __name__ == "__main__":
    main()
