"""The encoder that a config names, with what the config adds to it."""

import dataclasses

from bscl_jax import config as configs
from bscl_jax import encoders
from bscl_jax.assemble._fits import options
from bscl_jax.types import Params, Task

ADDED = ("prompts", "projection", "freeze", "lora")
"""Fields of an encoder's section that say what is added to it and what is trained of it."""


def load_encoder(config: configs.Config, task: Task) -> tuple[encoders.Encoder, Params]:
    """Load the pre-trained encoder, or make the random one from the training texts.

    Either has the prompts and the projection of the config. Without prompts in the config the model
    is trained and scored without any, so it has no default prompt either.

    Raises:
        FileNotFoundError: there is no such model.
        ValueError: it cannot be used, or has no prompts where its own are asked for.
    """
    section, seed = config.encoder, config.run.seed
    if isinstance(section, configs.RandomEncoder):
        texts = [*given_prompts(section), *task.train.queries, *task.train.targets]
        encoder, params = encoders.random(texts, seed=seed, **options(section, *ADDED))
    else:
        encoder, params = encoders.load(section.name, **options(section, "name", *ADDED))
    if section.prompts is None:
        bare = dataclasses.replace(encoder.prompts, default=None)
        encoder = dataclasses.replace(encoder, prompts=bare)
    else:
        encoder = with_prompts(encoder, section.prompts)
    if section.projection is None:
        return encoder, params
    return encoders.add_projection(encoder, params, seed=seed, **options(section.projection))


def given_prompts(section: configs.RandomEncoder) -> list[str]:
    """Return the prompts that the section spells out."""
    return [] if section.prompts is None else list(filter(None, options(section.prompts).values()))


def with_prompts(encoder: encoders.Encoder, section: configs.Prompts) -> encoders.Encoder:
    """Return the encoder with the prompts of the section, its own where that says none.

    Raises:
        ValueError: neither has one.
    """
    given = options(section)
    if section.document is None:
        given["document"] = encoder.prompts.find_document()
    prompts = encoder.prompts.having(**given)
    if not any(prompts.texts[name] for name in given):
        raise ValueError(
            "prompts: the model has none of its own; give query and document, or leave this out"
        )
    return dataclasses.replace(encoder, prompts=prompts)
