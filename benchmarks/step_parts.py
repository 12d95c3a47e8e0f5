"""Where the processor's time of a training step goes, on one real batch.

    python benchmarks/step_parts.py --config configs/stsb/minilm_bsc.yaml

Programs that hold more and more of a step: the forward pass without and with dropout, its gradient,
of all rows at once and in parts, the gradient through the loss, the optimizer alone, the step. Of
some calls the least seconds of the processor (all threads), which other work on the machine changes
little, and the least seconds of the wall. A larger batch: ``--set training.batch_size=128``.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from bscl_jax import assemble, config, gradients, training

REPOSITORY = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = REPOSITORY / "configs" / "stsb" / "minilm_bsc.yaml"
    parser.add_argument("--config", type=Path, default=default)
    parser.add_argument("--set", action="append", default=[], help="overrides of the config")
    parser.add_argument("--calls", type=int, default=5)
    options = parser.parse_args()
    road = assemble.lay_road(config.load(options.config, options.set))
    order = np.random.default_rng(0).permutation(len(road.task.train.queries))
    batch = road.batch(order, 0)
    assert batch.packed is not None
    rows, length = batch.packed.ids.shape
    print(f"{rows} rows of {length} tokens, {int(batch.packed.mask.sum())} of them real")
    print(f"{'':28} processor     wall")
    for name, call in parts(road, batch):
        processor, wall = least(call, options.calls)
        print(f"{name:28} {processor:6.3f} s {wall:6.3f} s")


def parts(road: assemble.Road, batch: Any) -> list[tuple[str, Callable[[], Any]]]:
    """Compile the programs."""
    key, params = jax.random.key(0), road.state.params
    row_keys = gradients.row_keys(key, len(batch.packed.ids))
    encode = road.towers.queries.encode

    def total(params: Any, dropout_key: Any) -> jax.Array:
        return encode(params, batch.packed, dropout_key).sum()

    def total_in_parts(params: Any, dropout_key: Any) -> jax.Array:
        return gradients.in_parts(encode)(params, batch.packed, dropout_key).sum()

    forward, backward = jax.jit(total), jax.jit(jax.grad(total))
    backward_in_parts = jax.jit(jax.grad(total_in_parts))
    optimizer = training.make_optimizer(num_steps=1000)

    def update(params: Any, state: Any, grads: Any) -> Any:
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    updating = jax.jit(update, donate_argnums=(0, 1))
    grads = backward(params, key)
    copy = jax.tree.map(jnp.copy, params)
    held = {"update": (copy, optimizer.init(copy)), "step": road.state}
    gradient, step = road.gradient(1), road.step(1)

    def call_update() -> Any:
        held["update"] = updating(*held["update"], grads)
        return held["update"]

    def call_step() -> Any:
        held["step"], _ = step(held["step"], batch, key)
        return held["step"]

    return [
        ("forward", lambda: forward(params, None)),
        ("forward, dropout", lambda: forward(params, row_keys)),
        ("and its gradient", lambda: backward(params, None)),
        ("and its gradient, dropout", lambda: backward(params, row_keys)),
        ("the same in parts", lambda: backward_in_parts(params, row_keys)),
        ("gradient through the loss", lambda: gradient(road.state, batch, key)),
        ("optimizer alone", call_update),
        ("step", call_step),
    ]


def least(call: Callable[[], Any], calls: int) -> tuple[float, float]:
    """Return the least seconds of processor and wall of some calls, after one that compiles."""
    jax.block_until_ready(call())
    seconds = []
    for _ in range(calls):
        processor, wall = time.process_time(), time.perf_counter()
        jax.block_until_ready(call())
        seconds.append((time.process_time() - processor, time.perf_counter() - wall))
    of_processor, of_wall = zip(*seconds, strict=True)
    return min(of_processor), min(of_wall)


if __name__ == "__main__":
    main()
