"""Write the reference numbers of the small random models of every family.

Needs what the package itself must not have: torch and transformers with torch, beside NumPy. Run it
in an environment of its own, from the root of the repository:

    PYTHONPATH=. python tests/golden/make_family_golden.py [FOLDER [VARIANT ...]]

For each variant of ``families.py`` (or those named) one file ``family_VARIANT.npz`` is written to
FOLDER (by default the script's own): the last hidden states, zero on padding, and the gradient of
a scalar of them with respect to every tensor. Their names and shapes are those of the weights.
MPNet's have the bucket of every distance of up to 600 tokens too.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from transformers import AutoConfig, AutoModel

from tests.golden.families import VARIANTS, make_direction, make_inputs, make_weights

NUM_DISTANCES = 600


def make_model(facts: dict) -> torch.nn.Module:
    """The bare model of the reference, with the weights of ``make_weights``."""
    facts = dict(facts)
    config = AutoConfig.for_model(facts.pop("model_type"), **facts)
    model = AutoModel.from_config(config, attn_implementation="eager").eval()
    parameters = {
        name: parameter
        for name, parameter in model.named_parameters()
        if not name.startswith("pooler.")
    }
    for module in model.modules():
        if isinstance(module, torch.nn.Embedding):
            module.padding_idx = None  # which would set the gradient of that row to 0
    weights = make_weights({name: tuple(value.shape) for name, value in parameters.items()})
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(torch.tensor(weights[name]))
            parameter.requires_grad_()
    return model


def run(facts: dict) -> dict[str, np.ndarray]:
    """Hidden states and gradients of one variant."""
    model = make_model(facts)
    ids, mask = make_inputs(model.config.pad_token_id)
    hidden = model(torch.tensor(ids), attention_mask=torch.tensor(mask).int()).last_hidden_state
    hidden = hidden * torch.tensor(mask)[:, :, None]
    (hidden * torch.tensor(make_direction(tuple(hidden.shape)))).sum().backward()
    gradients = {
        f"gradient:{name}": parameter.grad.numpy()
        for name, parameter in model.named_parameters()
        if not name.startswith("pooler.")
    }
    numbers = {"hidden": hidden.detach().numpy(), **gradients}
    if facts["model_type"] == "mpnet":
        far = torch.arange(-NUM_DISTANCES, NUM_DISTANCES + 1)
        numbers["buckets"] = model.encoder.relative_position_bucket(far).to(torch.uint8).numpy()
    return numbers


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name in sys.argv[2:] or VARIANTS:
        np.savez_compressed(folder / f"family_{name}.npz", **run(VARIANTS[name]))
