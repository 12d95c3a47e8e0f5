"""Batch-softmax contrastive learning of sentence embeddings in JAX and Flax.

``from bscl_jax import losses`` needs jax alone; whatever is heavier loads when it is used.
"""

from typing import TYPE_CHECKING

from bscl_jax._version import VERSION

if TYPE_CHECKING:
    from bscl_jax.sentence_encoder import SentenceEncoder as SentenceEncoder

__version__ = VERSION
__all__ = ["SentenceEncoder", "__version__"]


def __getattr__(name: str) -> object:
    if name == "SentenceEncoder":
        from bscl_jax.sentence_encoder import SentenceEncoder

        return SentenceEncoder
    raise AttributeError(f"module 'bscl_jax' has no attribute {name!r}")
