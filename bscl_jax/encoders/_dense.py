"""The Dense module of sentence-transformers: a linear layer and an activation after pooling."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from bscl_jax.encoders._config import SIZE
from bscl_jax.encoders._family import Leaf
from bscl_jax.encoders._json import ANY, check_settings, read_json, shown, write_json
from bscl_jax.types import Params

_EMBEDDING = "sentence_embedding"
_SETTINGS = {
    "in_features": ANY,
    "out_features": ANY,
    "bias": (True, False),
    "activation_function": ANY,
    "use_residual": (True, False),
    "module_input_name": (_EMBEDDING,),
    "module_output_name": (_EMBEDDING, None),
}
_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "torch.nn.modules.activation.GELU": lambda values: jax.nn.gelu(values, approximate=False),
    "torch.nn.modules.activation.ReLU": jax.nn.relu,
    "torch.nn.modules.activation.SiLU": jax.nn.silu,
    "torch.nn.modules.activation.Sigmoid": jax.nn.sigmoid,
    "torch.nn.modules.activation.Tanh": jnp.tanh,
    "torch.nn.modules.linear.Identity": lambda values: values,
}
ACTIVATIONS = {name.rpartition(".")[2].lower(): name for name in _ACTIVATIONS}
"""What a file calls an activation, by the short name."""
_DEFAULT_ACTIVATION = "torch.nn.modules.activation.Tanh"


class Dense(NamedTuple):
    """Sizes and settings of a Dense module.

    Attributes:
        in_features: features that it takes.
        out_features: features that it gives.
        bias: whether it adds a bias.
        activation: name of the activation, as the file spells it; never imported.
        residual: whether its input is added to its output, by a matrix of its own where the sizes
            differ.
    """

    in_features: int
    out_features: int
    bias: bool
    activation: str
    residual: bool

    def table(self, name: str) -> dict[str, Leaf]:
        """List the tensors of its file with the parameters that they become, under ``name``."""
        shape = (self.out_features, self.in_features)
        table = {"linear.weight": Leaf((name, "kernel"), shape, transpose=True)}
        if self.bias:
            table["linear.bias"] = Leaf((name, "bias"), shape[:1])
        if self.residual and self.in_features != self.out_features:
            table["residual.weight"] = Leaf((name, "residual", "kernel"), shape, transpose=True)
        return table

    def apply(self, params: Params, values: Float[Array, "*b i"]) -> Float[Array, "*b o"]:
        """Run the layer on embeddings, in float32."""
        outputs = values @ params["kernel"]
        if self.bias:
            outputs = outputs + params["bias"]
        outputs = _ACTIVATIONS[self.activation](outputs)
        if self.residual:
            same = self.in_features == self.out_features
            outputs += values if same else values @ params["residual"]["kernel"]
        return outputs


def read_dense(folder: Path) -> Dense:
    """Read the config of a Dense module.

    Args:
        folder: folder of the module.

    Returns:
        The checked settings. Without an activation it is tanh, as in sentence-transformers.

    Raises:
        FileNotFoundError: when there is no config.
        ValueError: naming the settings that are wrong or that cannot be followed.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"modules.json names a Dense module, but {path} does not exist")
    facts = read_json(path)
    check_settings(path, facts, _SETTINGS)
    activation = facts.get("activation_function", _DEFAULT_ACTIVATION)
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise ValueError(
            f"{path}: activation_function must be one of {', '.join(_ACTIVATIONS)}, was "
            f"{shown(activation)}"
        )
    sizes = [facts.get(name) for name in ("in_features", "out_features")]
    if not all(map(SIZE.holds, sizes)):
        raise ValueError(
            f"{path}: in_features and out_features must be whole numbers from 1, were "
            f"{shown(sizes[0])} and {shown(sizes[1])}"
        )
    return Dense(
        *(int(size or 0) for size in sizes),
        bias=facts.get("bias", True),
        activation=activation,
        residual=facts.get("use_residual", False),
    )


def write_dense(folder: Path, dense: Dense) -> None:
    """Write the config that ``read_dense`` reads; the residual only where there is one."""
    facts: dict[str, Any] = {
        "in_features": dense.in_features,
        "out_features": dense.out_features,
        "bias": dense.bias,
        "activation_function": dense.activation,
    }
    if dense.residual:
        facts["use_residual"] = True
    write_json(folder / "config.json", facts)
