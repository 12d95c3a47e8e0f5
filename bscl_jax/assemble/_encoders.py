"""The encoder that a config names."""

from bscl_jax import config as configs
from bscl_jax import encoders
from bscl_jax.assemble._fits import options
from bscl_jax.types import Params, Task

ADDED = ("projection", "freeze", "lora")
"""Fields of an encoder's section that say what is added to it and what is trained of it."""


def load_encoder(config: configs.Config, task: Task) -> tuple[encoders.Encoder, Params]:
    """Load the pre-trained encoder, or make the random one from the training texts.

    Either has the projection that the config adds.
    """
    section, seed = config.encoder, config.run.seed
    if isinstance(section, configs.RandomEncoder):
        texts = [*task.train.queries, *task.train.targets]
        found = encoders.random(texts, seed=seed, **options(section, *ADDED))
    else:
        found = encoders.load(section.name, **options(section, "name", *ADDED))
    if section.projection is None:
        return found
    return encoders.add_projection(*found, seed=seed, **options(section.projection))
