"""Compare a small model of a family with the numbers of the reference implementation."""

from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file, save_file

from bscl_jax.encoders._load import FAMILIES
from bscl_jax.encoders._weights import read_weights, write_weights
from tests.golden.families import VARIANTS, make_direction, make_inputs, make_weights

HIDDEN_TOLERANCE = 1e-5  # absolute, on hidden states of order 1
GRADIENT_TOLERANCE = 1e-4  # relative to the largest entry of the tensor
GRADIENT_NOISE = 1e-6  # relative to the largest of all, for tensors whose gradient is 0


class SmallModel:
    """A variant of ``families.py`` in this project.

    Attributes:
        ids, mask: the padded batch.
        params: its weights, the recipe's.
        module: its Linen module.
    """

    def __init__(
        self,
        variant: str,
        shapes: Mapping[str, tuple[int, ...]],
        folder: Path,
        *,
        scan_layers: bool = False,
    ) -> None:
        facts = VARIANTS[variant]
        family = FAMILIES[facts["model_type"]]
        config = family.read_config(facts, None)
        self.folder = folder
        self.table = family.tensor_table(config, scan_layers=scan_layers)
        weights = {family.prefix + name: array for name, array in make_weights(shapes).items()}
        save_file(weights, folder / "model.safetensors")
        self.params = read_weights(folder, family, self.table).params
        self.module = family.make_module(config, scan_layers=scan_layers)
        self.ids, self.mask = map(jnp.asarray, make_inputs(facts.get("pad_token_id", 0)))

    def run(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Hidden states (0 on padding) and gradients by the names of the tensors."""

        def scalar(params):
            hidden = self.module.apply({"params": params}, self.ids, self.mask)
            hidden = jnp.where(self.mask[:, :, None], hidden, 0)
            return (hidden * make_direction(hidden.shape)).sum(), hidden

        gradients, hidden = jax.jit(jax.grad(scalar, has_aux=True))(self.params)
        path = self.folder / "gradients.safetensors"
        write_weights(gradients, {path: self.table}, {})
        return np.asarray(hidden), load_file(path)

    def run_alone(self, row: int) -> np.ndarray:
        """Hidden states of one text without padding."""
        ids = self.ids[row : row + 1, : int(self.mask[row].sum())]
        apply = jax.jit(self.module.apply)
        return np.asarray(apply({"params": self.params}, ids, jnp.ones_like(ids, bool)))[0]


def gradients_of(numbers: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The gradients in a file of reference numbers."""
    start = "gradient:"
    return {name[len(start) :]: numbers[name] for name in numbers if name.startswith(start)}


def shapes_of(numbers: Mapping[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    """The shapes of the model's tensors in a file of reference numbers."""
    return {name: gradient.shape for name, gradient in gradients_of(numbers).items()}


def assert_same_as_reference(
    hidden: np.ndarray, gradients: Mapping[str, np.ndarray], numbers: Mapping[str, np.ndarray]
) -> None:
    """Compare hidden states and every gradient with a file of reference numbers."""
    np.testing.assert_allclose(hidden, numbers["hidden"], rtol=0, atol=HIDDEN_TOLERANCE)
    wanted = gradients_of(numbers)
    assert gradients.keys() == wanted.keys()
    noise = GRADIENT_NOISE * max(np.abs(gradient).max() for gradient in wanted.values())
    for name, gradient in wanted.items():
        allowed = GRADIENT_TOLERANCE * np.abs(gradient).max() + noise
        np.testing.assert_allclose(gradients[name], gradient, rtol=0, atol=allowed, err_msg=name)
