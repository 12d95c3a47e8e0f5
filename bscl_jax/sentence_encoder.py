"""The friendly face of a trained model: texts in, vectors out."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from bscl_jax import encoders

_DType = str | type | np.dtype[Any]  # as ``types`` has it, which imports jax


class SentenceEncoder:
    """A sentence encoder that is ready to use.

    Make one with :meth:`load`.

    Attributes:
        encoder: the encoder of :func:`bscl_jax.encoders.load`.
        params: its weights, a copy on every device.
        threshold: the cosine from which a pair counts as alike, in [-1, 1], where training has
            fitted one on its dev split (best F1); None for other models.

    Example:
        >>> from bscl_jax import SentenceEncoder
        >>> model = SentenceEncoder.load("all-MiniLM-L6-v2")
        >>> vectors = model.encode(["Where can I park?", "Is there a car park?"])
        >>> vectors.shape
        (2, 384)
        >>> bool(model.similarity(vectors, vectors)[0, 1] > 0.7)
        True
    """

    def __init__(
        self,
        encoder: "encoders.Encoder",
        params: object,
        *,
        devices: int | None = None,
        threshold: float | None = None,
    ) -> None:
        import jax

        from bscl_jax import parallel

        self.encoder = encoder
        self._mesh = parallel.make_mesh(devices)
        self.params = parallel.replicate(params, self._mesh)
        self._encode = jax.jit(encoder.apply, compiler_options=parallel.compiler_options())
        self.threshold = threshold

    @classmethod
    def load(
        cls,
        path_or_name: str | Path,
        *,
        max_length: int | None = None,
        dtype: _DType = "float32",
        devices: int | None = None,
        revision: str | None = None,
    ) -> "SentenceEncoder":
        """Load a model.

        Args:
            path_or_name: an exported folder, any sentence-transformers or Hugging Face folder of
                a family in ``docs/encoders.md``, or a hub name. A ``Path`` is always a folder.
            max_length: longest text in tokens, the rest is cut off; None takes the model's own.
            dtype: type of the computation, ``float32`` or ``bfloat16``; a name, or the type of
                NumPy or JAX.
            devices: devices that share each batch, its rows split over them; None takes all. The
                vectors are the same (beyond rounding, about 1e-7).
            revision: commit, tag or branch on the hub; None is the newest. With it no local folder
                is looked at.

        Raises:
            FileNotFoundError: it is nowhere to be found; the message lists the places searched.
            ValueError: it is found but cannot be read as the model that it says to be, or there
                are not so many devices.
        """
        from bscl_jax import encoders, export

        encoder, params = encoders.load(
            path_or_name, max_length=max_length, dtype=dtype, revision=revision
        )
        facts = export.read_facts(encoder.folder)
        return cls(encoder, params, devices=devices, threshold=facts.threshold)

    def __repr__(self) -> str:
        return (
            f"SentenceEncoder({self.encoder.source}, dimension={self.dimension}, "
            f"max_length={self.encoder.max_length}, num_devices={self.num_devices})"
        )

    def save(self, folder: str | Path) -> None:
        """Write the model as a folder that :meth:`load` and sentence-transformers read.

        Args:
            folder: where it shall appear, whole or not at all; its parents are made. An earlier
                export at the same place is replaced. The card of the model, and the temperature
                of its training, go with it.

        Raises:
            FileExistsError: when something else than an earlier export stands there.

        Example:
            >>> import tempfile
            >>> from bscl_jax import SentenceEncoder
            >>> folder = tempfile.mkdtemp() + "/model"
            >>> SentenceEncoder.load("all-MiniLM-L6-v2").save(folder)
            >>> SentenceEncoder.load(folder).dimension
            384
        """
        from bscl_jax import export

        facts = export.read_facts(self.encoder.folder)._replace(threshold=self.threshold)
        export.sentence_transformers(folder, self.encoder, self.params, **facts._asdict())

    @property
    def dimension(self) -> int:
        """Features of a vector."""
        return self.encoder.dimension

    @property
    def num_devices(self) -> int:
        """Devices that share each batch."""
        return self._mesh.size

    def encode(
        self,
        texts: str | Iterable[str],
        *,
        batch_size: int = 64,
        normalize: bool | None = None,
        truncate_dim: int | None = None,
        dtype: _DType = "float32",
        ranges: np.ndarray | None = None,
        prompt_name: str | None = None,
        prompt: str | None = None,
        show_progress: bool = False,
    ) -> np.ndarray:
        """Embed texts.

        Args:
            texts: any number of texts, none included, an iterator's too; an empty text is a text.
                A single string gives a single vector.
            batch_size: rows encoded at a time, on all devices together; changes speed and memory,
                not the vectors (beyond rounding, about 1e-7).
            normalize: scale every vector to length 1, after ``truncate_dim`` has cut it; None does
                what the model says, before the cut, so that vectors that are cut are shorter
                than 1.
            truncate_dim: the first so many features, 1 to d, are returned; None returns all. Models
                trained with a Matryoshka loss lose little by it.
            dtype: type of the vectors: ``float32``, ``float16``, ``int8``, ``uint8``, ``binary`` or
                ``ubinary``, as :func:`bscl_jax.evaluation.quantize` says; or ``np.float16`` and so
                on.
            ranges: low and high of each feature, for ``int8`` and ``uint8``; None takes those of
                these texts.
            prompt_name: name of the model's prompt that stands before every text; None takes its
                default prompt, if it has one.
            prompt: the prompt itself, in place of a name; the empty one is none.
            show_progress: draw a bar.

        Returns:
            ``(n, d)``, row i for text i, with d ``truncate_dim`` if there is one, and ⌈d / 8⌉ for
            the binary types; ``(d,)`` for a single string.

        Raises:
            TypeError: ``texts`` are a mapping or bytes, or something in them is not a string; its
                position is named.
            ValueError: ``batch_size`` is below 1, ``truncate_dim`` not from 1 to d, ``dtype``
                unknown, ``ranges`` do not fit or are missing for a single text, the model has no
                prompt of this name, both ``prompt_name`` and ``prompt`` are given, or a text or
                the prompt has half of a surrogate pair, whose place is named.
        """
        from bscl_jax.evaluation import check_dtype, quantize

        check_dtype(dtype)
        _check_truncate_dim(truncate_dim, self.dimension)
        listed = _list_texts(texts)
        found = self.encoder.prompts.find(prompt_name, prompt)
        try:
            raw = self._embed(listed, found, batch_size, show_progress)
        except TypeError:  # of the tokenizer, which does not say why
            _check_characters(listed, found)
            raise
        vectors = quantize(self._scale_and_cut(raw, normalize, truncate_dim), dtype, ranges=ranges)
        return vectors[0] if isinstance(texts, str) else vectors

    def encode_query(self, texts: str | Iterable[str], **options: Any) -> np.ndarray:
        """Embed queries: :meth:`encode` with the model's prompt ``query``, if it has one.

        Args:
            texts: as there.
            **options: as there; ``prompt_name`` or ``prompt`` take the place of that prompt.

        Returns:
            As there.
        """
        prompt = self.encoder.prompts.texts.get("query", "")
        return self.encode(texts, **_with_prompt(options, prompt))

    def encode_document(self, texts: str | Iterable[str], **options: Any) -> np.ndarray:
        """Embed documents: :meth:`encode` with the model's prompt for them, if it has one.

        That is the first of ``document``, ``passage`` and ``corpus`` that is not empty. Differs:
        sentence-transformers takes ``document`` even where it is empty, as in all models it loads.

        Args:
            texts: as there.
            **options: as there; ``prompt_name`` or ``prompt`` take the place of that prompt.

        Returns:
            As there.
        """
        return self.encode(texts, **_with_prompt(options, self.encoder.prompts.find_document()))

    def similarity(self, a: ArrayLike | Iterable[str], b: ArrayLike | Iterable[str]) -> np.ndarray:
        """Compare every a with every b by the model's similarity function.

        Args:
            a: vectors ``(len(a), d)``, an array or lists of numbers, or texts to be encoded. Not
                those of ``dtype`` ``"binary"`` or ``"ubinary"``, which a Hamming distance compares.
            b: vectors ``(len(b), d)`` or texts, likewise.

        Returns:
            float32 ``(len(a), len(b))``: the cosine in [−1, 1], unless the model's folder says
            that its vectors are compared by dot product or by the negative Euclidean or Manhattan
            distance.
        """
        from bscl_jax.evaluation import similarities

        left, right = self._make_vectors(a), self._make_vectors(b)
        found = similarities(left, right, function=self.encoder.similarity)
        return found.astype(np.float32, copy=False)

    def similarity_pairwise(
        self, a: ArrayLike | Iterable[str], b: ArrayLike | Iterable[str]
    ) -> np.ndarray:
        """Compare each a with the b at its place by the model's similarity function.

        Args:
            a: vectors ``(n, d)`` or n texts, as for :meth:`similarity`.
            b: vectors ``(n, d)`` or n texts, likewise.

        Returns:
            float32 ``(n,)``; a model with a ``threshold`` holds those from there on for alike.

        Raises:
            ValueError: a and b are not equally many.

        Example:
            >>> from bscl_jax import SentenceEncoder
            >>> model = SentenceEncoder.load("all-MiniLM-L6-v2")
            >>> model.similarity_pairwise(["a car park", "a book"], ["where to park", "tea"]).shape
            (2,)
        """
        from bscl_jax.evaluation import pair_similarities

        left, right = self._make_vectors(a), self._make_vectors(b)
        return pair_similarities(left, right, function=self.encoder.similarity)

    def _make_vectors(self, given: Any) -> np.ndarray:
        listed = given if hasattr(given, "__len__") else list(given)
        return np.atleast_2d(np.asarray(listed) if _are_vectors(listed) else self.encode(listed))

    def _scale_and_cut(
        self, raw: np.ndarray, normalize: bool | None, truncate_dim: int | None
    ) -> np.ndarray:
        """Scale as the model says (in place), cut, scale as asked: sentence-transformers' order."""
        from bscl_jax.evaluation import unit_rows

        whole = unit_rows(raw, out=raw) if normalize is None and self.encoder.normalize else raw
        cut = whole[:, :truncate_dim]
        return unit_rows(cut) if normalize else cut

    def _embed(
        self, texts: Sequence[str], prompt: str, batch_size: int, show_progress: bool
    ) -> np.ndarray:
        from rich.progress import Progress

        from bscl_jax import data, parallel
        from bscl_jax.evaluation import make_embed

        tokenize = partial(self.encoder.tokenize, prompt=prompt)
        left_out = self.encoder.count_prompt(prompt)
        options = {"prompt_length": left_out} if left_out else {}
        with Progress(disable=not show_progress) as bar:
            task = bar.add_task("encode", total=len(texts))
            embed = make_embed(
                lambda texts: data.tokenize_all(texts, tokenize),
                lambda tokens: self._encode(
                    self.params, parallel.feed(tokens, self._mesh), **options
                ),
                pad_id=self.encoder.pad_id,
                dimension=self.dimension,
                batch_size=batch_size,
                multiple=self._mesh.size,
                max_length=self.encoder.max_length,
                most_tokens=self.encoder.most_tokens,
                advance=lambda count: bar.advance(task, count),
            )
            return embed(texts)


def _with_prompt(options: dict[str, Any], prompt: str) -> dict[str, Any]:
    """Add the prompt, unless the caller names one."""
    given = options.get("prompt_name") is not None or options.get("prompt") is not None
    return options if given else {**options, "prompt": prompt}


def _are_vectors(given: Any) -> bool:
    """Tell vectors, an array or lists of numbers, from texts."""
    if isinstance(given, str):
        return False
    if hasattr(given, "__array__"):
        return np.asarray(given).dtype.kind not in "OSU"
    first = next(iter(given), "")
    return isinstance(first, Real) or (hasattr(first, "__len__") and not isinstance(first, str))


def _list_texts(texts: Any) -> list[str]:
    if isinstance(texts, Mapping | bytes | bytearray):
        remedy = "pass its values" if isinstance(texts, Mapping) else "decode them first"
        raise TypeError(
            f"texts must be a string or strings, was of type {type(texts).__name__}; {remedy}"
        )
    listed = [texts] if isinstance(texts, str) else list(texts)
    for position, text in enumerate(listed):
        if not isinstance(text, str):
            raise TypeError(f"texts must be strings, text {position} was a {type(text).__name__}")
    return listed


def _check_characters(texts: Sequence[str], prompt: str) -> None:
    named = chain([("the prompt", prompt)], ((f"text {i}", text) for i, text in enumerate(texts)))
    for name, text in named:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{name} has half of a surrogate pair, which is no character, at place "
                f"{error.start}; write the whole pair, or leave it out"
            ) from None


def _check_truncate_dim(truncate_dim: int | None, dimension: int) -> None:
    if truncate_dim is not None and not 1 <= truncate_dim <= dimension:
        raise ValueError(
            f"truncate_dim must be from 1 to {dimension}, the features of the model, was "
            f"{truncate_dim}"
        )
