"""A new Dense layer after pooling: a projection head, or fewer features."""

import dataclasses
import math

import jax

from bscl_jax.encoders._dense import ACTIVATIONS, Dense
from bscl_jax.encoders._encoder import Encoder, name_layers
from bscl_jax.types import Params


def add_projection(
    encoder: Encoder,
    params: Params,
    *,
    out_features: int,
    activation_function: str = "identity",
    bias: bool = True,
    seed: int,
) -> tuple[Encoder, Params]:
    """Add a layer with fresh weights behind what an encoder has: y = f(x W + b).

    It comes after pooling and the Dense layers that are there, and before the embeddings are
    scaled to unit length. ``save`` writes it as a Dense module of sentence-transformers.

    Args:
        encoder: any encoder.
        params: its parameters.
        out_features: features of an embedding from now on, from 1.
        activation_function: f, one of ``identity``, ``tanh``, ``relu``, ``gelu`` (exact), ``silu``
            and ``sigmoid``.
        bias: whether there is a b.
        seed: of W and b, which are uniform in ±1/√in, as ``torch.nn.Linear`` makes them.

    Returns:
        The encoder with the layer, and its parameters with ``dense_0`` of their own, or the first
        such number that is free.

    Raises:
        ValueError: for no feature, or an unknown activation.

    Example:
        >>> from bscl_jax import encoders
        >>> encoder, params = encoders.random(["how to renew a book"], seed=0)
        >>> encoder, params = encoders.add_projection(encoder, params, out_features=8, seed=0)
        >>> encoder.dimension, params["dense_0"]["kernel"].shape
        (8, (32, 8))

    Differs: without an activation named it is linear, where sentence-transformers' Dense is tanh.
    """
    if out_features < 1:
        raise ValueError(f"out_features must be from 1, was {out_features}")
    if activation_function not in ACTIVATIONS:
        raise ValueError(
            f"activation_function must be one of {', '.join(ACTIVATIONS)}, was "
            f"{activation_function!r}"
        )
    layer = Dense(
        in_features=encoder.dimension,
        out_features=out_features,
        bias=bias,
        activation=ACTIVATIONS[activation_function],
        residual=False,
    )
    layers = (*encoder.dense, layer)
    name, _ = name_layers(layers)[-1]
    return (
        dataclasses.replace(encoder, dense=layers, dimension=out_features),
        {**params, name: _fresh_weights(layer, seed)},
    )


def last_dense(params: Params) -> str:
    """Return the key of the last Dense layer's parameters, after ``add_projection`` of the new one.

    Args:
        params: of an encoder that has a Dense layer.

    Example:
        >>> from bscl_jax import encoders
        >>> encoders.last_dense({"embeddings": {}, "dense_0": {}, "dense_1": {}})
        'dense_1'
    """
    return f"dense_{sum(name.startswith('dense_') for name in params) - 1}"


def _fresh_weights(layer: Dense, seed: int) -> Params:
    bound = 1 / math.sqrt(layer.in_features)
    shapes: dict[str, tuple[int, ...]] = {"kernel": (layer.in_features, layer.out_features)}
    if layer.bias:
        shapes["bias"] = (layer.out_features,)
    keys = jax.random.split(jax.random.key(seed), len(shapes))
    return {
        name: jax.random.uniform(key, shape, minval=-bound, maxval=bound)
        for key, (name, shape) in zip(keys, shapes.items(), strict=True)
    }
