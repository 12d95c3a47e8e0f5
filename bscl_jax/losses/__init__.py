"""Losses of embeddings: pure functions of arrays, exact in value and gradient on any mesh.

Nothing here knows a model, a batch of text or a trainer; only jax and jaxtyping are imported. Every
loss may be called as it is, under ``jit``, ``pmap``, ``shard_map`` and ``vmap``. The equations and
the table of what to reduce where are in ``docs/losses.md``.
"""

from bscl_jax.losses._batch_softmax import batch_softmax
from bscl_jax.losses._combo import combo
from bscl_jax.losses._cosent import cosent
from bscl_jax.losses._cosine_mse import cosine_mse
from bscl_jax.losses._matryoshka import matryoshka
from bscl_jax.losses._pearson import pearson
from bscl_jax.losses._sigmoid import sigmoid
from bscl_jax.losses._supervised import supervised
from bscl_jax.losses._triplet import triplet

__all__ = [
    "batch_softmax",
    "combo",
    "cosent",
    "cosine_mse",
    "matryoshka",
    "pearson",
    "sigmoid",
    "supervised",
    "triplet",
]
