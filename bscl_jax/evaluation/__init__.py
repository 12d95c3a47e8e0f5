"""Texts → embeddings → measures. Evaluation receives an ``embed`` function, never a model."""

from bscl_jax.evaluation._cosines import make_cosines
from bscl_jax.evaluation._embed import Embed, make_embed, unit_rows
from bscl_jax.evaluation._embedding_cache import EmbeddingCache
from bscl_jax.evaluation._evaluate import evaluate, measures, observe, observe_splits
from bscl_jax.evaluation._look_up import Vectors, look_up
from bscl_jax.evaluation._not_defined import NotDefined, why_not_defined
from bscl_jax.evaluation._observations import (
    GradedCosines,
    LabelledCosines,
    Observation,
    QueryValues,
)
from bscl_jax.evaluation._quantize import DTYPES, check_dtype, find_ranges, quantize
from bscl_jax.evaluation._similarity import pair_similarities, similarities
from bscl_jax.evaluation._summary import fitted_threshold, intervals, summarize, undefined

__all__ = [
    "DTYPES",
    "Embed",
    "EmbeddingCache",
    "GradedCosines",
    "LabelledCosines",
    "NotDefined",
    "Observation",
    "QueryValues",
    "Vectors",
    "check_dtype",
    "evaluate",
    "find_ranges",
    "fitted_threshold",
    "intervals",
    "look_up",
    "make_cosines",
    "make_embed",
    "measures",
    "observe",
    "observe_splits",
    "pair_similarities",
    "quantize",
    "similarities",
    "summarize",
    "undefined",
    "unit_rows",
    "why_not_defined",
]
