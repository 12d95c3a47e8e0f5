"""Rows of the table that says which tensor of a checkpoint is which parameter."""

from collections.abc import Iterable, Iterator, Mapping

from bscl_jax.encoders._family import Leaf

Path = tuple[str, ...]
Rows = Iterator[tuple[str, Leaf]]


def dense(theirs: str, ours: Path, shape: tuple[int, int], *, bias: bool = True) -> Rows:
    """A linear map of this shape (in, out), whose weight a checkpoint stores as (out, in)."""
    inputs, outputs = shape
    yield f"{theirs}.weight", Leaf((*ours, "kernel"), (outputs, inputs), transpose=True)
    if bias:
        yield f"{theirs}.bias", Leaf((*ours, "bias"), (outputs,))


def layer_norm(theirs: str, ours: Path, size: int, *, bias: bool = True) -> Rows:
    """A layer normalization of this many features."""
    yield f"{theirs}.weight", Leaf((*ours, "scale"), (size,))
    if bias:
        yield f"{theirs}.bias", Leaf((*ours, "bias"), (size,))


def embedding(theirs: str, ours: Path, shape: tuple[int, int]) -> Rows:
    """A table of this shape (rows, features)."""
    yield f"{theirs}.weight", Leaf((*ours, "embedding"), shape)


def spread_layers(
    layer: Mapping[str, Leaf], prefix: str, numbers: Iterable[int], *, scan_layers: bool
) -> dict[str, Leaf]:
    """Repeat the tensors of one layer for each layer.

    Args:
        layer: names and parameters within a layer.
        prefix: start of the names, before the layer's number.
        numbers: numbers of the layers, ascending.
        scan_layers: whether the parameters of all these layers are stacked into one array each.

    Returns:
        Tensor name to parameter.
    """
    table = {}
    for place, number in enumerate(numbers):
        folder, position = ("layers", place) if scan_layers else (f"layer_{number}", None)
        for name, leaf in layer.items():
            path = (folder, *leaf.path)
            table[f"{prefix}.{number}.{name}"] = leaf._replace(path=path, layer=position)
    return table
