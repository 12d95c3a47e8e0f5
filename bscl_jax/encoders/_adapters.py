"""Training a part of an encoder: parameters that are frozen, and low-rank adapters beside them."""

import math
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import cast

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict
from jaxtyping import Array

from bscl_jax.types import Params

Path = tuple[str, ...]


def matching(params: Params, patterns: Sequence[str]) -> set[Path]:
    """Return the parameters whose path fits one of some patterns.

    Args:
        params: a nested dict of arrays.
        patterns: as for file names, of paths such as ``layer_0/query/kernel``: ``*`` stands for
            anything, slashes too.

    Returns:
        The keys that lead to each.

    Raises:
        ValueError: a pattern fits no parameter.

    Example:
        >>> from bscl_jax import encoders
        >>> encoders.matching({"layer_0": {"bias": 0, "kernel": 0}}, ["*/bias"])
        {('layer_0', 'bias')}
    """
    paths = list(cast(dict[Path, Array], flatten_dict(params)))
    found: set[Path] = set()
    for pattern in patterns:
        fitting = {path for path in paths if fnmatchcase("/".join(path), pattern)}
        if not fitting:
            raise ValueError(
                f"{pattern!r} fits no parameter; there are {', '.join(map('/'.join, paths[:6]))}, …"
            )
        found |= fitting
    return found


def freeze(params: Params, patterns: Sequence[str]) -> Params:
    """Return the same parameters, those that fit a pattern without a gradient.

    Args:
        params: a nested dict of arrays.
        patterns: see :func:`matching`.

    Raises:
        ValueError: a pattern fits no parameter.

    Example:
        >>> import jax
        >>> from bscl_jax import encoders
        >>> params = {"bias": 1.0, "kernel": 2.0}
        >>> product = lambda params: params["bias"] * params["kernel"]
        >>> grads = jax.grad(lambda p: product(encoders.freeze(p, ["bias"])))(params)
        >>> float(grads["bias"]), float(grads["kernel"])
        (0.0, 1.0)
    """
    frozen = matching(params, patterns)
    leaves = cast(dict[Path, Array], flatten_dict(params))
    return unflatten_dict(
        {
            path: jax.lax.stop_gradient(leaf) if path in frozen else leaf
            for path, leaf in leaves.items()
        }
    )


def init_lora(params: Params, *, rank: int, targets: Sequence[str], seed: int) -> Params:
    """Make low-rank adapters that change nothing yet.

    Args:
        params: of the encoder.
        rank: r, columns of ``down`` and rows of ``up``, from 1.
        targets: patterns of the matrices that get one, see :func:`matching`.
        seed: of ``down``, which is uniform in ±1/√in; ``up`` is zero.

    Returns:
        For each matrix ``(…, in, out)``, at its path, ``down`` ``(…, in, r)`` and ``up``
        ``(…, r, out)``, float32.

    Raises:
        ValueError: a pattern fits no parameter, or one that is no matrix; or rank < 1.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import encoders
        >>> params = {"query": {"kernel": np.zeros((8, 6), np.float32)}}
        >>> lora = encoders.init_lora(params, rank=2, targets=["query/kernel"], seed=0)
        >>> lora["query"]["kernel"]["down"].shape, lora["query"]["kernel"]["up"].shape
        ((8, 2), (2, 6))

    References:
        Hu et al., LoRA: Low-rank adaptation of large language models, ICLR 2022.
    """
    if rank < 1:
        raise ValueError(f"rank must be >= 1, was {rank}")
    leaves = cast(dict[Path, Array], flatten_dict(params))
    adapters = {}
    for number, path in enumerate(sorted(matching(params, targets))):
        shape = leaves[path].shape
        if path[-1] != "kernel" or len(shape) < 2:
            raise ValueError(
                f"{'/'.join(path)} is no matrix of a dense layer, it cannot be adapted"
            )
        *stack, rows, columns = shape
        key = jax.random.fold_in(jax.random.key(seed), number)
        bound = 1 / math.sqrt(rows)
        down = jax.random.uniform(key, (*stack, rows, rank), minval=-bound, maxval=bound)
        adapters[path] = {"down": down, "up": jnp.zeros((*stack, rank, columns))}
    return unflatten_dict(adapters)


def merge_lora(params: Params, lora: Params, *, scale: float) -> Params:
    """Return the encoder's parameters with the adapters added: W + scale · down · up.

    Args:
        params: of the encoder.
        lora: of ``init_lora``, trained.
        scale: α / r.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import encoders
        >>> params = {"query": {"kernel": np.ones((2, 2), np.float32)}}
        >>> lora = {"query": {"kernel": {"down": np.ones((2, 1)), "up": np.ones((1, 2))}}}
        >>> encoders.merge_lora(params, lora, scale=0.5)["query"]["kernel"].tolist()
        [[1.5, 1.5], [1.5, 1.5]]
    """
    leaves = cast(dict[Path, Array], flatten_dict(params))
    parts = cast(dict[Path, Array], flatten_dict(lora))
    for path in {path[:-1] for path in parts}:
        change = jnp.matmul(parts[*path, "down"], parts[*path, "up"])
        leaves[path] = leaves[path] + scale * change
    return unflatten_dict(leaves)
