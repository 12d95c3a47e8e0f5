"""Orders of the training pairs: which of them share a batch. Host-side, NumPy, seeded."""

from bscl_jax.shuffling._by_example import by_example as by_example
from bscl_jax.shuffling._random import random as random
