"""What the public functions refuse, each with the rule, the value given and the remedy."""

import math
from collections.abc import Iterable
from numbers import Real

import jax.numpy as jnp
from jax.typing import ArrayLike


def check_pairs(**sides: ArrayLike) -> None:
    """Refuses sides of a batch that are no floating-point matrices of one shape (b, d), b ≥ 1."""
    shapes = {name: jnp.shape(x) for name, x in sides.items()}
    given = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
    if len(set(shapes.values())) > 1 or any(len(shape) != 2 for shape in shapes.values()):
        raise ValueError(
            f"{' and '.join(shapes)} must have one shape (b, d), row i of each belonging together; "
            f"got {given}"
        )
    if next(iter(shapes.values()))[0] == 0:
        raise ValueError(f"a batch needs at least one pair, got {given}; skip empty batches")
    for name, x in sides.items():
        check_floating(name, x)


def check_floating(name: str, x: ArrayLike) -> None:
    """Refuses an array that is not of a floating-point type."""
    dtype = jnp.result_type(x)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(
            f"{name} must be floating point, got {dtype}; embeddings, not token ids, belong here"
        )


def check_per_pair(b: int, **arrays: ArrayLike | None) -> None:
    """Refuses an array that does not hold one number for each of the ``b`` pairs."""
    for name, x in arrays.items():
        if x is not None and jnp.shape(x) != (b,):
            raise ValueError(
                f"{name} must hold one number a pair, shape ({b},); got shape {jnp.shape(x)}"
            )


def check_extra(extra_targets: ArrayLike | None, d: int) -> None:
    """Refuses extra candidates that are no floating-point (e, d)."""
    if extra_targets is None:
        return
    shape = jnp.shape(extra_targets)
    if len(shape) != 2 or shape[1] != d:
        raise ValueError(
            f"extra_targets must have shape (e, {d}), as wide as the targets; got shape {shape}"
        )
    check_floating("extra_targets", extra_targets)


def check_ids(
    b: int,
    extra_targets: ArrayLike | None,
    query_ids: ArrayLike | None,
    target_ids: ArrayLike | None,
    extra_ids: ArrayLike | None,
) -> None:
    """Refuses content ids that are no integers, or of no row."""
    if extra_ids is not None and extra_targets is None:
        raise ValueError("extra_ids were given without extra_targets; pass both or neither")
    if extra_ids is not None and target_ids is None:
        raise ValueError("extra_ids are compared with target_ids, which were not given; pass both")
    e = 0 if extra_targets is None else jnp.shape(extra_targets)[0]
    named = {
        "query_ids": (query_ids, b),
        "target_ids": (target_ids, b),
        "extra_ids": (extra_ids, e),
    }
    for name, (ids, count) in named.items():
        if ids is None:
            continue
        if jnp.shape(ids) not in ((count,), (count, 2)):
            raise ValueError(
                f"{name} must have shape ({count},), or ({count}, 2) for the halves of 64-bit ids; "
                f"got shape {jnp.shape(ids)}"
            )
        if not jnp.issubdtype(jnp.result_type(ids), jnp.integer):
            raise TypeError(
                f"{name} must be integers, got {jnp.result_type(ids)}; hash the texts to integers"
            )
    if extra_ids is None or target_ids is None:
        return
    if jnp.ndim(extra_ids) != jnp.ndim(target_ids):
        raise ValueError(
            "target_ids and extra_ids must be of one kind, (n,) or (n, 2); got shapes "
            f"{jnp.shape(target_ids)} and {jnp.shape(extra_ids)}"
        )


def check_temperature(temperature: ArrayLike) -> None:
    """Refuses a number that is not finite and positive; the value of an array is not looked at."""
    if jnp.shape(temperature) != ():
        raise ValueError(f"temperature must be one number, got shape {jnp.shape(temperature)}")
    if isinstance(temperature, Real) and not 0 < float(temperature) < math.inf:
        raise ValueError(
            f"temperature must be > 0 and finite, got {temperature}; 0.05–0.2 suits unit vectors"
        )


def check_choice(name: str, value: str, known: Iterable[str]) -> None:
    """Refuses a name that is not known, and lists those that are."""
    known = list(known)
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}; got {value!r}")


def check_share(name: str, value: float | int) -> None:
    """Refuses a share that is not within [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be between 0 and 1, the share of one part; got {value}")


def check_tile_size(tile_size: int) -> None:
    """Refuses a tile without rows."""
    if tile_size < 1:
        raise ValueError(f"tile_size must be at least 1 row, got {tile_size}; 1024 suits most")
