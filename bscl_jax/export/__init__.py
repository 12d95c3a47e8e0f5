"""Models for the rest of the ecosystem: folders and programs that others load."""

from bscl_jax.export._facts import Facts, read_facts
from bscl_jax.export._sentence_transformers import sentence_transformers
from bscl_jax.export._stablehlo import stablehlo

__all__ = ["Facts", "read_facts", "sentence_transformers", "stablehlo"]
