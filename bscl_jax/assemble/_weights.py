"""Which parameters of the encoder are trained, and what it is applied with."""

from typing import Any

import jax
import optax

from bscl_jax import config as configs
from bscl_jax import encoders
from bscl_jax.types import Params

Section = configs.PretrainedEncoder | configs.RandomEncoder

LORA = "lora"
"""Key of the adapters in the parameters of a run, beside ``"encoder"``."""


def adapters(section: Section, weights: Params, seed: int) -> Params:
    """Return what is trained beside the weights of the encoder: the adapters, if there are any.

    Raises:
        ValueError: a pattern fits no parameter.
    """
    encoders.matching(weights, section.freeze)
    if section.lora is None:
        return {}
    lora = section.lora
    return {LORA: encoders.init_lora(weights, rank=lora.rank, targets=lora.targets, seed=seed)}


def weights_of(section: Section, params: Params) -> Params:
    """Return the weights that the encoder is applied with and that leave the run.

    Frozen ones have no gradient, adapters are added.
    """
    weights = params["encoder"]
    weights = encoders.freeze(weights, frozen_of(section, weights))
    if section.lora is None:
        return weights
    return encoders.merge_lora(weights, params[LORA], scale=section.lora.alpha / section.lora.rank)


def train_only(
    optimizer: optax.GradientTransformation, section: Section
) -> optax.GradientTransformation:
    """Return the optimizer of what is not frozen: no state for the rest, no step and no decay."""
    if not section.freeze and section.lora is None:
        return optimizer

    def trained(params: Params) -> Any:
        everything, weights = jax.tree.map(lambda _: True, params), params["encoder"]
        frozen = encoders.matching(weights, frozen_of(section, weights))
        within = jax.tree_util.tree_map_with_path(
            lambda path, _: tuple(key.key for key in path) not in frozen, weights
        )
        return everything | {"encoder": within}

    return optax.masked(optimizer, trained)


def frozen_of(section: Section, weights: Params) -> list[str]:
    """Return the patterns of the weights that are not trained.

    With adapters that is all of the model; a new projection is trained beside them.
    """
    if section.lora is None:
        return section.freeze
    trained = None if section.projection is None else encoders.last_dense(weights)
    return [*section.freeze, *(f"{name}/*" for name in weights if name != trained)]
