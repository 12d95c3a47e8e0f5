"""Trees to save, and ways to damage what was saved."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bscl_jax import checkpoint


class Moments(NamedTuple):
    count: jax.Array
    mu: dict


def make_tree(seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(3, 4)).astype(np.float32)
    return {
        "params": {"dense": {"kernel": jnp.asarray(kernel), "bias": jnp.ones(4, jnp.bfloat16)}},
        "moments": (Moments(jnp.int32(seed), {"kernel": jnp.asarray(kernel * 2)}), ()),
        "order": np.arange(5) + 2**40,
        "done": np.array([True, False]),
    }


def assert_equal(actual: dict, expected: dict) -> None:
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for found, wanted in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


def save_steps(folder: Path, *steps: int, scores: tuple[float | None, ...] = ()) -> None:
    """Save a tree seeded by its step for each step, with the same step in its facts."""
    with checkpoint.Checkpoints(folder, keep_latest=max(len(steps), 1)) as checkpoints:
        for position, step in enumerate(steps):
            score = scores[position] if scores else None
            checkpoints.save(step, make_tree(step), {"step": step}, score)


def files_of(folder: Path, step: int) -> list[Path]:
    return sorted(path for path in (folder / f"{step:08d}").rglob("*") if path.is_file())


def flip(path: Path, bit: int) -> None:
    octets = bytearray(path.read_bytes())
    octets[bit // 8] ^= 1 << bit % 8
    path.write_bytes(octets)


@contextmanager
def no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
