"""The friendly face of a trained model: texts in, vectors out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bscl_jax import encoders


class SentenceEncoder:
    """A sentence encoder that is ready to use.

    Make one with :meth:`load`.

    Attributes:
        encoder: the encoder of :func:`bscl_jax.encoders.load`.
        params: its weights.

    Example:
        >>> from bscl_jax import SentenceEncoder
        >>> model = SentenceEncoder.load("all-MiniLM-L6-v2")
        >>> vectors = model.encode(["Where can I park?", "Is there a car park?"])
        >>> vectors.shape
        (2, 384)
        >>> bool(model.similarity(vectors, vectors)[0, 1] > 0.7)
        True
    """

    def __init__(self, encoder: "encoders.Encoder", params: object) -> None:
        import jax

        self.encoder = encoder
        self.params = params
        self._encode = jax.jit(encoder.apply)

    @classmethod
    def load(
        cls, path_or_name: str | Path, *, max_length: int | None = None, dtype: str = "float32"
    ) -> "SentenceEncoder":
        """Load a model.

        Args:
            path_or_name: an exported folder, any sentence-transformers or Hugging Face folder of
                the BERT family, or a hub name.
            max_length: longest text in tokens, the rest is cut off; None takes the model's own.
            dtype: type of the computation, ``float32`` or ``bfloat16``.

        Raises:
            FileNotFoundError: it is nowhere to be found; the message lists the places searched.
            ValueError: it is found but cannot be read as the model that it says to be.
        """
        from bscl_jax import encoders

        return cls(*encoders.load(str(path_or_name), max_length=max_length, dtype=dtype))

    @property
    def dimension(self) -> int:
        """Features of a vector."""
        return self.encoder.dimension

    def encode(
        self,
        texts: str | Sequence[str],
        *,
        batch_size: int = 64,
        normalize: bool | None = None,
        show_progress: bool = False,
    ) -> np.ndarray:
        """Embed texts.

        Args:
            texts: any number of texts, none included; an empty text is a text. A single string
                gives a single vector.
            batch_size: texts encoded at a time; changes speed and memory, not the vectors
                (beyond rounding, about 1e-7).
            normalize: scale every vector to length 1; None does what the model says.
            show_progress: draw a bar.

        Returns:
            float32 ``(n, d)``, row i for text i; ``(d,)`` for a single string.

        Raises:
            TypeError: something in ``texts`` is not a string; its position is named.
            ValueError: ``batch_size`` is below 1.
        """
        if isinstance(texts, str):
            return self.encode(
                [texts], batch_size=batch_size, normalize=normalize, show_progress=show_progress
            )[0]
        for position, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(
                    f"texts must be strings, text {position} was a {type(text).__name__}"
                )
        embeddings = self._embed(texts, batch_size, show_progress)
        from bscl_jax.evaluation import unit_rows

        wanted = self.encoder.normalize if normalize is None else normalize
        return unit_rows(embeddings) if wanted else embeddings

    def similarity(
        self, a: np.ndarray | Sequence[str], b: np.ndarray | Sequence[str]
    ) -> np.ndarray:
        """Return the cosine similarity of every a with every b.

        Args:
            a: vectors ``(len(a), d)``, or texts to be encoded.
            b: vectors ``(len(b), d)``, or texts to be encoded.

        Returns:
            float32 ``(len(a), len(b))``, in [−1, 1].
        """
        from bscl_jax.evaluation import unit_rows

        left, right = (
            np.atleast_2d(unit_rows(x if isinstance(x, np.ndarray) else self.encode(x)))
            for x in (a, b)
        )
        return left @ right.T

    def _embed(self, texts: Sequence[str], batch_size: int, show_progress: bool) -> np.ndarray:
        from rich.progress import Progress

        from bscl_jax.evaluation import make_embed

        with Progress(disable=not show_progress) as bar:
            task = bar.add_task("encode", total=len(texts))
            embed = make_embed(
                self.encoder.tokenize,
                lambda tokens: self._encode(self.params, tokens),
                pad_id=self.encoder.pad_id,
                dimension=self.dimension,
                batch_size=batch_size,
                advance=lambda count: bar.advance(task, count),
            )
            return embed(texts)
