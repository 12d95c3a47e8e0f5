"""A folder that sentence-transformers, transformers and this project load."""

from pathlib import Path

from bscl_jax import encoders
from bscl_jax.export._facts import FACTS_FILE, Facts, write_facts
from bscl_jax.export._folder import whole_folder
from bscl_jax.types import Params


def sentence_transformers(
    folder: str | Path,
    encoder: encoders.Encoder,
    params: Params,
    *,
    card: str | None = None,
    documents: tuple[encoders.Encoder, Params] | None = None,
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
        card: the model card, Markdown with its YAML header; None keeps that of ``encoder.folder``,
            and writes a short one where there is none.
        documents: encoder and parameters of the tower for documents, where ``encoder`` is for
            queries; the folder is then that of ``encoders.save_router``. None for one encoder.
        temperature: temperature of the loss at the end of training, > 0; None if there was none.
        threshold: cosine from which a pair counts as alike, in [-1, 1]; None if none was chosen.

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
    folder = Path(folder).absolute()
    card = _find_card(encoder, folder.name) if card is None else card
    if not card.strip():
        raise ValueError("card must hold the text of the model card, was empty")
    facts = Facts(temperature, threshold)
    facts.check()
    with whole_folder(folder, mark=FACTS_FILE) as new:
        if documents is None:
            encoders.save(new, encoder, params)
        else:
            encoders.save_router(new, (encoder, params), documents)
        (new / "README.md").write_text(card, encoding="utf-8")
        write_facts(new, facts)


def _find_card(encoder: encoders.Encoder, title: str) -> str:
    """Return the model's card as far as it is text; a short one where it has none or a blank."""
    path = encoder.folder / "README.md" if encoder.folder else None
    card = path.read_text(encoding="utf-8", errors="replace") if path and path.is_file() else ""
    if card.strip():
        return card
    header = "---\nlibrary_name: sentence-transformers\n---\n"
    return f"{header}\n# {title}\n\nWritten by bscl_jax from {encoder.source}.\n"
