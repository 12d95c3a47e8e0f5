"""A folder that sentence-transformers, transformers and this project load."""

import json
import math
from importlib.metadata import version
from pathlib import Path

from bscl_jax import encoders
from bscl_jax.export._folder import whole_folder
from bscl_jax.types import Params

FACTS_FILE = "bscl_jax.json"


def sentence_transformers(
    folder: str | Path,
    encoder: encoders.Encoder,
    params: Params,
    *,
    card: str,
    temperature: float | None = None,
    threshold: float | None = None,
) -> None:
    """Write a sentence encoder as a complete sentence-transformers folder.

    Beside the model with all its modules, prompts and similarity function (``encoders.save``) it
    holds the model card ``README.md`` and ``bscl_jax.json`` with what training found. The folder
    appears whole or not at all; an earlier export at the same place is replaced. ``encoders.load``
    reads it back bit for bit.

    Args:
        folder: where the folder shall appear; its parents are made.
        encoder: what ``encoders.load`` or ``encoders.random`` returned.
        params: its parameters, trained.
        card: the model card, Markdown with its YAML header.
        temperature: temperature of the loss at the end of training, > 0; None if there was none.
        threshold: cosine from which a pair counts as positive, in [-1, 1]; None if none was chosen.

    Raises:
        FileExistsError: when something else than an earlier export stands there.
        ValueError: for a temperature or threshold out of range, an empty card, or parameters that
            do not fit the encoder. Nothing is written then.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from bscl_jax import encoders, export
        >>> encoder, params = encoders.random(["how to renew a book"], seed=0)
        >>> folder = Path(tempfile.mkdtemp()) / "model"
        >>> export.sentence_transformers(folder, encoder, params, card="# A tiny encoder")
        >>> encoders.load(folder)[0].dimension
        32

    References:
        The layout is that of sentence-transformers (Reimers and Gurevych, *Sentence-BERT*, EMNLP
        2019); the parity test loads it with version 6.
    """
    if not card.strip():
        raise ValueError("card must hold the text of the model card, was empty")
    if temperature is not None and not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be > 0 and finite, was {temperature}")
    if threshold is not None and not -1 <= threshold <= 1:
        raise ValueError(f"threshold must be a cosine in [-1, 1], was {threshold}")
    facts = {
        "bscl_jax": version("bscl_jax"),
        "temperature": temperature,
        "threshold": threshold,
    }
    with whole_folder(Path(folder).absolute(), mark=FACTS_FILE) as new:
        encoders.save(new, encoder, params)
        (new / "README.md").write_text(card, encoding="utf-8")
        _write(new / FACTS_FILE, facts)


def _write(path: Path, facts: dict[str, object]) -> None:
    path.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
