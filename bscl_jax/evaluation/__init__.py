"""Texts → embeddings → measures. Evaluation receives an ``embed`` function, never a model."""

from bscl_jax.evaluation._embed import Embed, make_embed, unit_rows
from bscl_jax.evaluation._evaluate import evaluate, measures
from bscl_jax.evaluation._quantize import DTYPES, check_dtype, find_ranges, quantize
from bscl_jax.evaluation._similarity import similarities

__all__ = [
    "DTYPES",
    "Embed",
    "check_dtype",
    "evaluate",
    "find_ranges",
    "make_embed",
    "measures",
    "quantize",
    "similarities",
    "unit_rows",
]
