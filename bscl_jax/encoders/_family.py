"""What a family of models has to offer: a config reader, a Linen module and a table of names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from flax import linen as nn


class Leaf(NamedTuple):
    """Where a tensor of a checkpoint goes in the parameters.

    Attributes:
        path: keys into the nested dict of parameters.
        shape: shape of the tensor in the file.
        transpose: whether the parameter is the tensor's transpose.
        layer: position in a stack of layers; None for a parameter of its own.
    """

    path: tuple[str, ...]
    shape: tuple[int, ...]
    transpose: bool = False
    layer: int | None = None


@dataclass(frozen=True)
class Family:
    """A family of models, as ``load`` uses it.

    Attributes:
        model_type: the name in ``config.json``.
        architecture: class of the bare model in transformers, written by ``save``.
        read_config: facts of ``config.json`` and an optional dropout rate to a checked config,
            which has at least ``hidden_size``, ``vocab_size`` and ``max_position_embeddings``.
        make_module: config, type of the activations, ``scan_layers`` and ``remat`` to a module
            called with ids, mask and row keys.
        tensor_table: config and ``scan_layers`` to tensor name → parameter.
        canonical_name: brings the spelling of a tensor's name in a file to the table's.
        ignored_reason: why a tensor that the table lacks is left aside, or None.
        carried: starts of the names of ignored tensors that ``save`` writes back unchanged.
    """

    model_type: str
    architecture: str
    read_config: Callable[[Mapping[str, Any], float | None], Any]
    make_module: Callable[..., nn.Module]
    tensor_table: Callable[..., dict[str, Leaf]]
    canonical_name: Callable[[str], str]
    ignored_reason: Callable[[str], str | None]
    carried: tuple[str, ...]
