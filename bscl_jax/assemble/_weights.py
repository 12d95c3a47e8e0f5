"""Which parameters of the encoders are trained, and what they are applied with."""

from collections.abc import Mapping
from typing import Any

import jax
import optax

from bscl_jax import config as configs
from bscl_jax import encoders
from bscl_jax.types import Params

Section = configs.PretrainedEncoder | configs.RandomEncoder

ENCODER, TARGET_ENCODER = "encoder", "target_encoder"
"""Keys of the encoders in the parameters of a run, named as their sections."""

LORA = {ENCODER: "lora", TARGET_ENCODER: "target_lora"}
"""Keys of their adapters, beside them."""


def sections_of(config: configs.Config) -> dict[str, Section]:
    """Return the sections of the encoders, one or two, by their keys in the parameters."""
    sections: dict[str, Section] = {ENCODER: config.encoder}
    if config.target_encoder is not None:
        sections[TARGET_ENCODER] = config.target_encoder
    return sections


def adapters(section: Section, weights: Params, seed: int, *, key: str = ENCODER) -> Params:
    """Return what is trained beside the weights of an encoder: the adapters, if there are any.

    Raises:
        ValueError: a pattern fits no parameter.
    """
    encoders.matching(weights, section.freeze)
    if section.lora is None:
        return {}
    lora = section.lora
    return {LORA[key]: encoders.init_lora(weights, rank=lora.rank, targets=lora.targets, seed=seed)}


def weights_of(section: Section, params: Params, *, key: str = ENCODER) -> Params:
    """Return the weights that an encoder is applied with and that leave the run.

    Frozen ones have no gradient, adapters are added.
    """
    weights = params[key]
    weights = encoders.freeze(weights, frozen_of(section, weights))
    if section.lora is None:
        return weights
    scale = section.lora.alpha / section.lora.rank
    return encoders.merge_lora(weights, params[LORA[key]], scale=scale)


def train_only(
    optimizer: optax.GradientTransformation, sections: Mapping[str, Section]
) -> optax.GradientTransformation:
    """Return the optimizer of what is not frozen: no state for the rest, no step and no decay."""
    if not any(section.freeze or section.lora for section in sections.values()):
        return optimizer

    def trained(params: Params) -> Any:
        everything = jax.tree.map(lambda _: True, params)
        return everything | {
            key: trained_of(section, params[key]) for key, section in sections.items()
        }

    return optax.masked(optimizer, trained)


def trained_of(section: Section, weights: Params) -> Any:
    """Return a tree of booleans: which weights of an encoder are trained."""
    frozen = encoders.matching(weights, frozen_of(section, weights))
    return jax.tree_util.tree_map_with_path(
        lambda path, _: tuple(key.key for key in path) not in frozen, weights
    )


def frozen_of(section: Section, weights: Params) -> list[str]:
    """Return the patterns of the weights that are not trained.

    With adapters that is all of the model; a new projection is trained beside them.
    """
    if section.lora is None:
        return section.freeze
    trained = None if section.projection is None else encoders.last_dense(weights)
    return [*section.freeze, *(f"{name}/*" for name in weights if name != trained)]
