"""What the public functions refuse, each with the rule, the value given and the remedy."""

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real

import jax.numpy as jnp
from jax.typing import ArrayLike


def check_pairs(**sides: ArrayLike) -> None:
    """Refuses sides of a batch that are no floating-point matrices (b, d) alike, or empty."""
    shapes = {name: _shape(x) for name, x in sides.items()}
    given = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
    if len(set(shapes.values())) > 1 or any(len(shape) != 2 for shape in shapes.values()):
        raise ValueError(
            f"{' and '.join(shapes)} must have one shape (b, d), row i of each belonging together; "
            f"got {given}"
        )
    if next(iter(shapes.values()))[0] == 0:
        raise ValueError(f"a batch needs at least one pair, got {given}; skip empty batches")
    if next(iter(shapes.values()))[1] == 0:
        raise ValueError(f"embeddings need at least one feature, got {given}")
    for name, x in sides.items():
        check_floating(name, x)


def check_rows(name: str, x: ArrayLike) -> None:
    """Refuses embeddings that are no floating-point matrix (b, d), b ≥ 1, d ≥ 1."""
    shape = _shape(x)
    if len(shape) != 2 or 0 in shape:
        raise ValueError(
            f"{name} must have shape (b, d), a text a row, b ≥ 1, d ≥ 1; got shape {shape}"
        )
    check_floating(name, x)


def check_floating(name: str, x: ArrayLike) -> None:
    """Refuses an array that is not of a floating-point type."""
    dtype = _type_of(name, x)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(
            f"{name} must be floating point, got {dtype}; embeddings, not token ids, belong here"
        )


def _check_hashes(name: str, ids: ArrayLike) -> None:
    """Refuses content ids that are no integers."""
    dtype = _type_of(name, ids)
    if not jnp.issubdtype(dtype, jnp.integer):
        raise TypeError(f"{name} must be integers, got {dtype}; hash the texts to integers")


def _shape(x: ArrayLike) -> tuple[int, ...]:
    """Return the shape of an array, or of a list of numbers, which jax takes with a warning."""
    return jnp.shape(jnp.asarray(x) if isinstance(x, list | tuple) else x)


def _type_of(name: str, x: ArrayLike) -> jnp.dtype:
    """Return the type of an array's entries; refuses what is no array, such as a list."""
    try:
        return jnp.result_type(x)
    except TypeError:
        raise TypeError(
            f"{name} must be an array of numbers, got a {type(x).__name__}; pass "
            f"numpy.asarray({name})"
        ) from None


def check_per_pair(b: int, **arrays: ArrayLike | None) -> None:
    """Refuses an array that does not hold one number for each of the ``b`` pairs."""
    for name, x in arrays.items():
        if x is not None and _shape(x) != (b,):
            raise ValueError(
                f"{name} must hold one number a pair, shape ({b},); got shape {_shape(x)}"
            )


def check_labelled(b: int, labelled_negatives: ArrayLike | None) -> None:
    """Refuses what does not say of each of the ``b`` pairs whether it is known to be none."""
    check_per_pair(b, labelled_negatives=labelled_negatives)
    if labelled_negatives is None:
        return
    dtype = _type_of("labelled_negatives", labelled_negatives)
    if dtype != jnp.bool_:
        raise TypeError(
            f"labelled_negatives must be bool, got {dtype}; of scores pass scores <= threshold"
        )


def check_extra(extra_targets: ArrayLike | None, d: int) -> None:
    """Refuses extra candidates that are no floating-point (e, d)."""
    if extra_targets is None:
        return
    shape = _shape(extra_targets)
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
    positive_ids: ArrayLike | None = None,
) -> None:
    """Refuses content ids that are no integers, or of no row."""
    if extra_ids is not None and extra_targets is None:
        raise ValueError("extra_ids were given without extra_targets; pass both or neither")
    if extra_ids is not None and target_ids is None:
        raise ValueError("extra_ids are compared with target_ids, which were not given; pass both")
    e = 0 if extra_targets is None else _shape(extra_targets)[0]
    named = {
        "query_ids": (query_ids, b),
        "target_ids": (target_ids, b),
        "extra_ids": (extra_ids, e),
    }
    for name, (ids, count) in named.items():
        if ids is None:
            continue
        if _shape(ids) not in ((count,), (count, 2)):
            raise ValueError(
                f"{name} must have shape ({count},), or ({count}, 2) for the halves of 64-bit ids; "
                f"got shape {_shape(ids)}"
            )
        _check_hashes(name, ids)
    check_positive_ids(b, target_ids, positive_ids)
    if extra_ids is None or target_ids is None:
        return
    if len(_shape(extra_ids)) != len(_shape(target_ids)):
        raise ValueError(
            "target_ids and extra_ids must be of one kind, (n,) or (n, 2); got shapes "
            f"{_shape(target_ids)} and {_shape(extra_ids)}"
        )


def check_positive_ids(
    b: int, target_ids: ArrayLike | None, positive_ids: ArrayLike | None
) -> None:
    """Refuses positive ids that are no integers, of no row, or of another kind than targets'."""
    if positive_ids is None:
        return
    if target_ids is None:
        raise ValueError(
            "positive_ids are compared with target_ids, which were not given; pass both"
        )
    shape, words = _shape(positive_ids), _shape(target_ids)[1:]
    if len(shape) != 2 + len(words) or shape[0] != b or shape[2:] != words:
        wanted = ", ".join(map(str, (b, "p", *words)))
        raise ValueError(
            f"positive_ids must have shape ({wanted}), p ids like those of the targets for each of "
            f"{b} rows; got shape {shape}; repeat the target's id where a row has fewer"
        )
    _check_hashes("positive_ids", positive_ids)


def check_mined(negatives: ArrayLike | None, **known: ArrayLike | None) -> None:
    """Refuses ids and labels, which say what may be searched for, where negatives are given."""
    unused = [name for name, x in known.items() if x is not None]
    if negatives is not None and unused:
        raise ValueError(
            f"{' and '.join(unused)} choose among the batch, and negatives were given; "
            "pass one or the other"
        )


def check_temperature(temperature: ArrayLike) -> None:
    """Refuses a number that is not finite and positive; the value of an array is not looked at."""
    if _shape(temperature) != ():
        raise ValueError(f"temperature must be one number, got shape {_shape(temperature)}")
    if isinstance(temperature, Real) and not 0 < float(temperature) < math.inf:
        raise ValueError(
            f"temperature must be > 0 and finite, got {temperature}; 0.05–0.2 suits unit vectors"
        )


def check_bias(bias: ArrayLike) -> None:
    """Refuses what is not one finite number; the value of an array is not looked at."""
    if _shape(bias) != ():
        raise ValueError(f"bias must be one number, got shape {_shape(bias)}")
    if isinstance(bias, Real) and not math.isfinite(float(bias)):
        raise ValueError(f"bias must be finite, got {bias}; −log b suits a batch of b pairs")


def check_classes(labels: ArrayLike, text_ids: ArrayLike | None) -> None:
    """Refuses class labels, and ids of texts, that are no integers."""
    dtype = _type_of("labels", labels)
    if not jnp.issubdtype(dtype, jnp.integer):
        raise TypeError(
            f"labels must be integers, got {dtype}; number the classes, or hash what makes texts "
            "belong together"
        )
    if text_ids is not None:
        _check_hashes("text_ids", text_ids)


def check_dims(dims: Sequence[int], weights: Sequence[float | int]) -> None:
    """Refuses lengths of prefixes that are none, not whole, not positive or listed twice."""
    whole = all(isinstance(dim, Integral) and dim >= 1 for dim in dims)
    if not dims or not whole or len(set(dims)) < len(dims):
        raise ValueError(
            f"dims must be positive whole numbers, at least one and each once; got {list(dims)}"
        )
    if len(weights) != len(dims) or not all(math.isfinite(weight) for weight in weights):
        raise ValueError(
            f"weights must hold one finite number for each of the {len(dims)} dims; "
            f"got {list(weights)}"
        )


def check_prefixes(dims: Sequence[int], shapes: Sequence[tuple[int, ...]]) -> None:
    """Refuses prefixes longer than the embeddings, or of no embeddings at all."""
    if not shapes:
        raise ValueError(
            "matryoshka cuts floating-point matrices, and none was given; "
            "pass the embeddings as arrays of shape (b, d)"
        )
    narrowest = min(shape[1] for shape in shapes)
    if max(dims) > narrowest:
        raise ValueError(
            f"dims must not exceed the embeddings' {narrowest} features; got {list(dims)}"
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
    """Refuses a tile without rows, or with a part of one."""
    if not isinstance(tile_size, Integral) or tile_size < 1:
        raise ValueError(
            f"tile_size must be a whole number of rows, at least 1, got {tile_size}; "
            "1024 suits most"
        )


def check_hardness(strength: float | int) -> None:
    """Refuses a weight of hard negatives that is not finite and at least 0."""
    if not 0 <= strength < math.inf:
        raise ValueError(
            f"hardness_strength must be finite and at least 0, which is off; got {strength}"
        )


def check_same_side(direction: str, partition: str, same_side: str) -> None:
    """Refuses negatives of one's own side where there is no sum that they could join."""
    lost = {"queries": ("targets", "both"), "targets": ("queries", "both")}.get(direction, ())
    if partition == "separate" and same_side in lost:
        raise ValueError(
            f"same_side={same_side!r} adds to a softmax that direction={direction!r} has not; "
            'pass direction="both", or partition="joint"'
        )
