"""What is embedded and how, and the facts that are kept beside the vectors."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from bscl_jax import data, evaluation
from bscl_jax.cli._folder import RunError
from bscl_jax.sentence_encoder import SentenceEncoder

CHARACTERS = 1 << 24
"""A chunk ends where its texts have so many, however few they are."""

CALIBRATING = 10_000
"""So many texts, the first, give the ranges of int8 and uint8."""

WHOLE_NUMBERS = ("int8", "uint8")
"""The types that need ranges."""


class Wanted(NamedTuple):
    """What is embedded, and how; most of it as ``SentenceEncoder`` has it.

    Attributes:
        model: a folder or a name.
        input: a file of texts, as ``data.read_texts`` has it.
        column: its column.
        output: a ``.npy`` or ``.parquet`` file.
        max_length: longest text in tokens; None takes the model's own.
        devices: devices that share each batch; None takes all.
        batch_size: rows encoded at a time.
        chunk_size: texts in memory, sorted by length among themselves; their vectors are safe
            after each chunk.
        normalize: whether vectors are scaled to length 1; None does what the model says.
        truncate_dim: features that are kept; None keeps all.
        dtype: type of the vectors, one of ``evaluation.DTYPES``.
        ranges: a file with the ranges of int8 and uint8; None takes those of the first texts.
        prompt_name: name of the model's prompt that stands before every text; None takes its
            default prompt, if it has one.
        prompt: the prompt itself, in place of a name.
    """

    model: str
    input: str
    column: str | None
    output: str
    max_length: int | None
    devices: int | None
    batch_size: int
    chunk_size: int
    normalize: bool | None
    truncate_dim: int | None
    dtype: str
    ranges: str | None
    prompt_name: str | None = None
    prompt: str | None = None


def encode(
    wanted: Wanted,
    model: SentenceEncoder,
    texts: list[str],
    dtype: str,
    ranges: np.ndarray | None = None,
) -> np.ndarray:
    """Embed texts as is wanted, in one of ``evaluation.DTYPES``."""
    return model.encode(
        texts,
        batch_size=wanted.batch_size,
        normalize=wanted.normalize,
        truncate_dim=wanted.truncate_dim,
        dtype=dtype,
        ranges=ranges,
        prompt_name=wanted.prompt_name,
        prompt=wanted.prompt,
    )


def survey(texts: Iterable[str]) -> tuple[int, str]:
    """Return the number of texts and a digest of them all, in their order."""
    count, seen = 0, blake2b(digest_size=16)
    for text in texts:
        content = text.encode()
        seen.update(len(content).to_bytes(8))
        seen.update(content)
        count += 1
    return count, seen.hexdigest()


def cut_chunks(texts: Iterable[str], most: int) -> Iterator[list[str]]:
    """Cut texts into lists of at most so many, and of about ``CHARACTERS`` at most."""
    chunk: list[str] = []
    characters = 0
    for text in texts:
        chunk.append(text)
        characters += len(text)
        if len(chunk) == most or characters >= CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def describe(wanted: Wanted, model: SentenceEncoder, texts: str) -> dict[str, Any]:
    """Return all that the vectors depend on, to the last bit."""
    chosen = wanted._asdict()
    for name in ("model", "input", "column", "output"):
        del chosen[name]
    return chosen | {
        "weights": fingerprint(model),
        "texts": texts,
        "ranges": None if wanted.ranges is None else digest(read_ranges(wanted.ranges)),
        "devices": f"{model.num_devices} {jax.default_backend()}",
        "jax": jax.__version__,
    }


def digest(array: np.ndarray) -> str:
    """Return a digest of the bytes of an array."""
    return blake2b(array.tobytes(), digest_size=16).hexdigest()


def fingerprint(model: SentenceEncoder) -> str:
    """Return a digest of weights, tokenizer and settings of a model, wherever it lies."""
    encoder = dataclasses.replace(model.encoder, source="")
    seen = blake2b(repr((encoder, encoder.checkpoint.config)).encode(), digest_size=16)
    seen.update(encoder.tokenizer.to_str().encode())
    for place, leaf in jax.tree_util.tree_leaves_with_path(model.params):
        seen.update(jax.tree_util.keystr(place).encode())
        seen.update(np.asarray(leaf).tobytes())
    return seen.hexdigest()


def begin(
    wanted: Wanted, model: SentenceEncoder, settings: dict[str, Any], total: int
) -> dict[str, Any]:
    """Return the facts of a file with no rows yet, the ranges of whole numbers among them."""
    given = None if wanted.ranges is None else read_ranges(wanted.ranges)
    none = encode(wanted, model, [], wanted.dtype, given)
    ranges = given
    if wanted.dtype in WHOLE_NUMBERS and given is None:
        first = next(cut_chunks(data.read_texts(wanted.input, wanted.column), CALIBRATING))
        ranges = evaluation.find_ranges(encode(wanted, model, first, "float32"))
    return {
        "model": model.encoder.source,
        "input": wanted.input,
        "settings": settings,
        "total": total,
        "rows": 0,
        "dimension": wanted.truncate_dim or model.dimension,
        "width": none.shape[1],
        "dtype": none.dtype.name,
        "ranges": None if ranges is None else ranges.tolist(),
    }


def read_ranges(path: str) -> np.ndarray:
    """Read ranges from a ``.npy`` file, or from the facts of a file of vectors.

    Raises:
        RunError: there are none.
    """
    try:
        if Path(path).suffix == ".npy":
            return np.load(path).astype(np.float32)
        ranges = json.loads(Path(path).read_text(encoding="utf-8"))["ranges"]
        if ranges is None:
            raise ValueError("ranges is null")
        return np.asarray(ranges, np.float32)
    except (KeyError, TypeError, ValueError, EOFError) as error:
        raise RunError(
            f"--ranges {path} has none; name a .npy file of shape (2, d), or the .json that lies "
            "beside vectors of int8 or uint8"
        ) from error


def check_same(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with other settings.

    Raises:
        RunError: naming each with both values.
    """
    changed = [
        f"{name} was {before.get(name)!r}, is {now.get(name)!r}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    if changed:
        raise RunError(
            f"{path} was started otherwise ({'; '.join(changed)}); go on as it was started, "
            "or start anew with --overwrite"
        )
