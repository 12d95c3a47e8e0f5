"""Texts → embeddings → measures. Evaluation receives an ``embed`` function, never a model."""

from bscl_jax.evaluation._embed import Embed, make_embed, unit_rows
from bscl_jax.evaluation._evaluate import evaluate, measures

__all__ = ["Embed", "evaluate", "make_embed", "measures", "unit_rows"]
