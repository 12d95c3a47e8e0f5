"""Sentence encoders: tokenizer, model and weights behind one pure function.

``load`` finds a model, ``random`` makes a tiny one, ``save`` writes one, ``save_router`` two for
queries and documents; ``encoder.apply`` embeds.
``freeze``, ``init_lora`` and ``merge_lora`` train a part of one, ``add_projection`` adds a layer.
The only room that sees Flax.
"""

from bscl_jax.encoders._adapters import freeze, init_lora, matching, merge_lora
from bscl_jax.encoders._encoder import Encoder
from bscl_jax.encoders._load import load
from bscl_jax.encoders._projection import add_projection, last_dense
from bscl_jax.encoders._random import random
from bscl_jax.encoders._router import save_router
from bscl_jax.encoders._routes import find_routes
from bscl_jax.encoders._save import save

__all__ = [
    "Encoder",
    "add_projection",
    "find_routes",
    "freeze",
    "init_lora",
    "last_dense",
    "load",
    "matching",
    "merge_lora",
    "random",
    "save",
    "save_router",
]
