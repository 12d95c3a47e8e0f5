"""Embeddings where no model is wanted: TF-IDF, in few dimensions."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from bscl_jax.shuffling._by_shingle import WORD


def tfidf(texts: Sequence[str], *, dimension: int = 256) -> Float64[np.ndarray, "n d"]:
    """Embed texts by their words: TF-IDF by scikit-learn, then its largest components (LSA).

    Words are lower-cased and common ones weigh little by themselves, so no stop words are left out.
    The components come from a randomized singular value decomposition with a fixed seed, which is
    repeatable on one machine; another may round otherwise, as with a model's embeddings.

    Args:
        texts: what to embed.
        dimension: components, ≥ 1; fewer where there are fewer words.

    Returns:
        Unit rows (rows of zeros for texts without a word), ``float64 n d``.

    Raises:
        ValueError: ``dimension`` is out of range.

    Example:
        >>> from bscl_jax import shuffling
        >>> cat, dog, cats = shuffling.tfidf(["the cat sat", "a dog", "cat and cat"])
        >>> bool(cat @ cats > cat @ dog)
        True

    References:
        Deerwester, Dumais, Furnas, Landauer, Harshman: Indexing by Latent Semantic Analysis.
        JASIS 1990.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    if dimension < 1:
        raise ValueError(f"dimension must be ≥ 1, got {dimension}; 256 suits most data")
    if not any(map(WORD.search, texts)):
        return np.zeros((len(texts), 1))
    weights = TfidfVectorizer(token_pattern=WORD.pattern, sublinear_tf=True).fit_transform(texts)
    if weights.shape[1] <= dimension:
        return weights.toarray()
    components = TruncatedSVD(dimension, random_state=0).fit_transform(weights)
    return np.asarray(normalize(components))
