"""The folder layout of sentence-transformers: which modules follow the transformer, and how.

Read and written here alone, so that what is written is what is read. Whatever this project cannot
follow is refused by name: an ignored module would give other vectors without a word.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bscl_jax.encoders._tokenizer import read_json
from bscl_jax.encoders.pooling import POOLINGS

_OLD_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_CLASSES = "sentence_transformers.models."  # every version of the library resolves these names
_CHAINS = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])


class Layout(NamedTuple):
    """What a folder says about everything round the transformer.

    Attributes:
        transformer: folder of the transformer and its tokenizer.
        pooling: ``"mean"``, ``"cls"`` or ``"max"``.
        normalize: whether a Normalize module ends the chain.
        max_length: longest text in tokens, or None if the folder does not say.
        lowercase: whether every text is lower-cased first.
    """

    transformer: Path
    pooling: str
    normalize: bool
    max_length: int | None
    lowercase: bool


def read_layout(folder: Path) -> Layout:
    """Read the layout of a sentence-transformers folder, or of a plain model folder.

    A plain folder (without ``modules.json``) is pooled by the mean and not normalized.

    Args:
        folder: the model's folder.

    Returns:
        The checked layout.

    Raises:
        FileNotFoundError: when the Pooling module has no config.
        ValueError: naming the module, pooling or setting that this project cannot follow.
    """
    if not (folder / "modules.json").is_file():
        return Layout(folder, "mean", normalize=False, max_length=None, lowercase=False)
    modules = _read_modules(folder / "modules.json")
    names = [_module_name(module) for module in modules]
    if names not in _CHAINS:
        raise ValueError(
            f"{folder / 'modules.json'} lists the modules {', '.join(m['type'] for m in modules)}; "
            "only Transformer, Pooling and, after them, Normalize are supported"
        )
    _refuse_prompts(folder)
    transformer = folder / modules[0]["path"]
    facts = read_json(transformer / "sentence_bert_config.json")
    length = facts.get("max_seq_length")
    if length is not None and (not isinstance(length, int) or length < 1):
        raise ValueError(
            f"max_seq_length in {transformer / 'sentence_bert_config.json'} must be a whole number "
            f"from 1, was {length!r}"
        )
    return Layout(
        transformer,
        pooling=_read_pooling(folder / modules[1]["path"] / "config.json"),
        normalize=names[-1] == "Normalize",
        max_length=length,
        lowercase=bool(facts.get("do_lower_case", False)),
    )


def write_layout(layout: Layout, *, dimension: int) -> None:
    """Write the layout of a model that lies in the transformer's folder itself.

    Args:
        layout: what to write; its folder exists and has no modules yet.
        dimension: features of an embedding.
    """
    folder, pooling, normalize, max_length, lowercase = layout
    paths = {"Transformer": "", "Pooling": "1_Pooling"}
    if normalize:
        paths["Normalize"] = "2_Normalize"
    modules = [
        {"idx": position, "name": str(position), "path": path, "type": _CLASSES + name}
        for position, (name, path) in enumerate(paths.items())
    ]
    modes = {old: mode == pooling for old, mode in _OLD_POOLINGS.items()}
    write_json(folder / "modules.json", modules)
    write_json(
        folder / "sentence_bert_config.json",
        {"max_seq_length": max_length, "do_lower_case": lowercase},
    )
    for path in filter(None, paths.values()):
        (folder / path).mkdir()
    write_json(
        folder / paths["Pooling"] / "config.json",
        {"word_embedding_dimension": dimension, **modes, "include_prompt": True},
    )
    if normalize:
        write_json(folder / paths["Normalize"] / "config.json", {})


def write_json(path: Path, facts: object) -> None:
    """Write JSON as the ecosystem does: UTF-8, two spaces, a newline at the end."""
    path.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_modules(path: Path) -> list[dict[str, str]]:
    try:
        modules = json.loads(path.read_text(encoding="utf-8"))
        return [{"type": str(m["type"]), "path": str(m["path"])} for m in modules]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} must be a JSON list of modules with type and path: {error!r}"
        ) from error


def _module_name(module: Mapping[str, str]) -> str:
    """Name of a class of sentence-transformers itself; a custom class keeps its whole path."""
    package, _, rest = module["type"].partition(".")
    return rest.rpartition(".")[2] if package == "sentence_transformers" else module["type"]


def _read_pooling(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"modules.json names a Pooling module, but {path} does not exist")
    facts: dict[str, Any] = read_json(path)
    modes = facts.get("pooling_mode")
    if modes is None:
        modes = [mode for old, mode in _OLD_POOLINGS.items() if facts.get(old)] or ["mean"]
    modes = [modes] if isinstance(modes, str) else list(modes)
    if len(modes) != 1 or modes[0] not in POOLINGS:
        raise ValueError(
            f"{path} asks for the pooling {' + '.join(map(str, modes))}; supported are "
            f"{', '.join(POOLINGS)}, one at a time"
        )
    return modes[0]


def _refuse_prompts(folder: Path) -> None:
    path = folder / "config_sentence_transformers.json"
    facts = read_json(path)
    name = facts.get("default_prompt_name")
    prompt = (facts.get("prompts") or {}).get(name) if name is not None else None
    if prompt:
        raise ValueError(
            f"{path} puts the default prompt {prompt!r} before every text, which is not supported; "
            "set default_prompt_name to null there and write the prompt into your texts"
        )
