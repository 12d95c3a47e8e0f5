"""What a family of models has to offer: a config reader, a Linen module and a table of names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from flax import linen as nn

_OLD_SPELLINGS = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


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


class Vocabulary(NamedTuple):
    """How the tokenizer of a folder is made.

    Attributes:
        builder: class of transformers that makes it, where the folder names none.
        files: what makes one without ``tokenizer.json``; nothing does where there are none.
    """

    builder: str
    files: tuple[str, ...] = ()


WORD_PIECES = Vocabulary("BertTokenizer", ("vocab.txt",))
"""BERT's, and that of the families that took it over."""


@dataclass(frozen=True)
class Family:
    """A family of models, as ``load`` uses it.

    Attributes:
        model_type: the name in ``config.json``.
        architecture: class of the bare model in transformers, written by ``save``.
        read_config: facts of ``config.json`` and an optional dropout rate to a checked config,
            which has at least ``hidden_size``, ``vocab_size`` and ``max_tokens``, the longest text
            in tokens.
        make_module: config, type of the activations, ``scan_layers``, ``remat`` and ``attention``
            to a module called with ids, mask and row keys.
        tensor_table: config and ``scan_layers`` to tensor name → parameter.
        prefix: start that the names have in a checkpoint with a head, and lack in the table.
        ignored: starts of the names of tensors that are left aside, with the reason.
        carried: those starts among them whose tensors ``save`` writes back unchanged.
        pad_token: the padding token where the tokenizer's files name none.
        vocabulary: how a tokenizer is made; None where ``tokenizer.json`` alone says it.
    """

    model_type: str
    architecture: str
    read_config: Callable[[Mapping[str, Any], float | None], Any]
    make_module: Callable[..., nn.Module]
    tensor_table: Callable[..., dict[str, Leaf]]
    prefix: str
    ignored: Mapping[str, str]
    carried: tuple[str, ...] = ()
    pad_token: str = "[PAD]"
    vocabulary: Vocabulary | None = WORD_PIECES

    def canonical_name(self, name: str) -> str:
        """Bring the spelling of a tensor's name in a file to the table's."""
        name = name.removeprefix(self.prefix)
        for old, new in _OLD_SPELLINGS.items():
            if name.endswith(old):
                return name.removesuffix(old) + new
        return name

    def ignored_reason(self, name: str) -> str | None:
        """Why a tensor of this canonical name is left aside; None for one that may not be."""
        return next((why for start, why in self.ignored.items() if name.startswith(start)), None)
