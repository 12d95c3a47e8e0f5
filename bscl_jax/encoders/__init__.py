"""Sentence encoders: tokenizer, model and weights behind one pure function.

``load`` finds a model, ``random`` makes a tiny one, ``save`` writes one; ``encoder.apply`` embeds.
The only room that sees Flax.
"""

from bscl_jax.encoders._encoder import Encoder
from bscl_jax.encoders._load import load
from bscl_jax.encoders._random import random
from bscl_jax.encoders._save import save

__all__ = ["Encoder", "load", "random", "save"]
