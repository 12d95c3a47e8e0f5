"""Write an encoder to a folder that ``load`` and sentence-transformers read."""

import shutil
from pathlib import Path

from tokenizers import models

from bscl_jax.encoders._encoder import Encoder, name_layers
from bscl_jax.encoders._json import write_json
from bscl_jax.encoders._layout import Layout, write_layout
from bscl_jax.encoders._tensors import WEIGHTS_FILE
from bscl_jax.encoders._weights import write_weights
from bscl_jax.types import Params


def save(folder: str | Path, encoder: Encoder, params: Params) -> None:
    """Write the model: config, weights, tokenizer, all modules, prompts and similarity function.

    The tensors have the names of the family's own checkpoints and are written in float32;
    ``load`` gives back the same bits. Tensors of the source that the encoder does not use but the
    bare model has (BERT's pooler) are written as they were read, untrained.

    Args:
        folder: new or empty folder; its parents are made.
        encoder: what ``load`` or ``random`` returned.
        params: its parameters, trained or not.

    Raises:
        FileExistsError: when the folder holds something already.
        ValueError: when the parameters do not fit the encoder, naming the misfits.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from bscl_jax import encoders
        >>> folder = Path(tempfile.mkdtemp())
        >>> encoders.save(folder, *encoders.random(["how to renew a book"], seed=0))
        >>> (folder / "model.safetensors").exists()
        True
    """
    folder = Path(folder)
    check_new(folder)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = encoder.checkpoint
    table = checkpoint.family.tensor_table(checkpoint.config, scan_layers=checkpoint.scan_layers)
    places = write_layout(folder, _layout(encoder))
    _write_config(folder, encoder)
    tables = {folder / WEIGHTS_FILE: table}
    for place, (name, dense) in zip(places.dense, name_layers(encoder.dense), strict=True):
        tables[place / WEIGHTS_FILE] = dense.table(name)
    write_weights(params, tables, checkpoint.carried)
    for file in tables:
        # safetensors writes a file for its owner alone; a model is as readable as its config.
        shutil.copymode(folder / "config.json", file)
    _write_tokenizer(folder, encoder)


def check_new(folder: Path) -> None:
    """Raise FileExistsError where a folder holds something already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} must be a new or empty folder; choose another or empty it")


def _layout(encoder: Encoder) -> Layout:
    return Layout(
        pooling=encoder.pooling,
        include_prompt=encoder.include_prompt,
        token_dimension=encoder.checkpoint.config.hidden_size,
        dense=encoder.dense,
        normalize=encoder.normalize,
        max_length=encoder.max_length,
        lowercase=encoder.checkpoint.lowercase,
        prompts=encoder.prompts,
        similarity=encoder.similarity,
    )


def _write_config(folder: Path, encoder: Encoder) -> None:
    facts = {key: value for key, value in encoder.checkpoint.facts.items() if key != "torch_dtype"}
    facts |= {"architectures": [encoder.checkpoint.family.architecture], "dtype": "float32"}
    write_json(folder / "config.json", facts)


def _write_tokenizer(folder: Path, encoder: Encoder) -> None:
    tokenizer = type(encoder.tokenizer).from_str(encoder.tokenizer.to_str())
    cut = (tokenizer.truncation or {}).get("direction", "right")
    tokenizer.no_truncation()
    tokenizer.save(str(folder / "tokenizer.json"))
    facts = {**encoder.checkpoint.tokenizer_facts, "model_max_length": encoder.max_length}
    if not facts.get("pad_token"):  # the family's own, which no file names
        facts["pad_token"] = tokenizer.id_to_token(encoder.pad_id)
    if cut != "right":
        facts["truncation_side"] = cut
    write_json(folder / "tokenizer_config.json", facts)
    if not isinstance(tokenizer.model, models.WordPiece):
        return  # the other kinds are read from tokenizer.json alone
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    words = sorted(vocabulary, key=vocabulary.__getitem__)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
