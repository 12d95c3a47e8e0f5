"""Models for the rest of the ecosystem: folders that other libraries load."""

from bscl_jax.export._sentence_transformers import sentence_transformers

__all__ = ["sentence_transformers"]
