"""Exports of small models, and what of their files decides how others load them.

Shared by the script that has sentence-transformers encode them (make_export_golden.py) and by the
test that holds the files to what it saw.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from bscl_jax import encoders, export
from tests.encoders import families
from tests.golden import layout_folders
from tests.golden.layout_folders import TEXTS

WRITERS: dict[str, Callable[[Path, str], object]] = {
    **dict.fromkeys(layout_folders.VARIANTS, layout_folders.write_folder),
    **dict.fromkeys(families.MARKS, families.write_folder),
}
"""By name, what writes the model that is exported: every layout and every family."""
NOT_LOADED = {"README.md", "bscl_jax.json"}


def export_model(folder: Path, name: str) -> None:
    """Export one of ``WRITERS``: weights and tokenizer are the same on every machine."""
    source = folder.with_name(f"{folder.name}-source")
    WRITERS[name](source, name)
    export.sentence_transformers(folder, *encoders.load(source), card="# A small model")


def describe(folder: Path) -> dict[str, Any]:
    """Return by file what of it decides the vectors: JSON as it is, tokens, and tensors."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(folder)): _describe_file(path)
        for path in files
        if path.name not in NOT_LOADED
    }


def _describe_file(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return {name: _describe_tensor(array) for name, array in load_file(path).items()}
    if path.name == "tokenizer.json":  # how it is written depends on the version of the library
        tokenizer = Tokenizer.from_file(str(path))
        cuts = [tokenizer.truncation, tokenizer.padding]
        return [*cuts, [encoding.ids for encoding in tokenizer.encode_batch(TEXTS)]]
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _describe_tensor(array: np.ndarray) -> list[Any]:
    """Type, shape and a number that another order of the values would change."""
    waves = np.cos(np.arange(array.size))
    return [str(array.dtype), list(array.shape), round(float(array.ravel() @ waves), 3)]
