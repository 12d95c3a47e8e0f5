"""What sentence-transformers keeps beside the modules: prompts and the similarity function."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bscl_jax.encoders._json import read_json, shown, write_json

SIMILARITIES = ("cosine", "dot", "euclidean", "manhattan")
"""The similarity functions that a model can ask for; distances are negated."""

DOCUMENTS = ("document", "passage", "corpus")
"""Names of a prompt for documents; the first that is not empty is taken."""

_FILE = "config_sentence_transformers.json"
_USUAL = {"query": "", "document": ""}  # every model of the library has these two


@dataclass(frozen=True)
class Prompts:
    """Texts that stand before every text.

    Attributes:
        texts: name to prompt; ``query`` and ``document`` are always there, empty if not set.
        default: name of the prompt that is used where none is asked for; None for no prompt.
    """

    texts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(dict(_USUAL)))
    default: str | None = None

    def find(self, name: str | None = None, prompt: str | None = None) -> str:
        """Find the prompt to use.

        Args:
            name: name of a prompt of the model.
            prompt: the prompt itself; the empty one switches the default off.

        Returns:
            The prompt asked for, else the default one, else the empty one.

        Raises:
            ValueError: for an unknown name, listing the known ones, and where both are given.
        """
        if prompt is not None:
            if name is not None:
                raise ValueError(
                    f"pass prompt_name or prompt, not both; were {name!r} and {shown(prompt)}"
                )
            return prompt
        name = self.default if name is None else name
        if name is None:
            return ""
        if name not in self.texts:
            raise ValueError(f"prompt_name must be one of {sorted(self.texts)}, was {name!r}")
        return self.texts[name]

    def find_document(self) -> str:
        """Find the prompt for documents.

        Returns:
            The first of ``document``, ``passage`` and ``corpus`` that is not empty, else the empty
            one.
        """
        return next(filter(None, (self.texts.get(name) for name in DOCUMENTS)), "")

    def having(self, **texts: str | None) -> "Prompts":
        """Return the same prompts but for those given by name; None keeps what there is.

        Where ``document`` is given empty, no other name stands in for it.
        """
        given = {name: text for name, text in texts.items() if text is not None}
        if given.get("document") == "":
            given |= {name: "" for name in DOCUMENTS if name in self.texts}
        return Prompts(MappingProxyType({**self.texts, **given}), self.default)


def read_prompts(folder: Path) -> tuple[Prompts, str]:
    """Read prompts and similarity function of a model's folder.

    Args:
        folder: the model's folder; without the file there are no prompts, and cosine.

    Returns:
        The prompts, and one of ``SIMILARITIES``.

    Raises:
        ValueError: naming the setting that is of another kind or that cannot be followed.
    """
    path = folder / _FILE
    facts = read_json(path)
    kind = facts.get("model_type", "SentenceTransformer")
    if kind != "SentenceTransformer":
        raise ValueError(f"{path} describes a {shown(kind)}, only SentenceTransformer is supported")
    if facts.get("truncate_dim") is not None:
        raise ValueError(
            f"{path} sets truncate_dim = {shown(facts['truncate_dim'])}, which is not followed; "
            "remove it there, and pass truncate_dim to SentenceEncoder.encode or --truncate-dim to "
            "bscl-jax embed"
        )
    similarity = facts.get("similarity_fn_name") or "cosine"
    if similarity not in SIMILARITIES:
        raise ValueError(
            f"{path}: similarity_fn_name must be one of {', '.join(SIMILARITIES)}, was "
            f"{shown(similarity)}"
        )
    return Prompts(
        MappingProxyType(_read_texts(path, facts)), _read_default(path, facts)
    ), similarity


def write_prompts(folder: Path, prompts: Prompts, similarity: str) -> None:
    """Write the file that ``read_prompts`` reads."""
    facts = {
        "model_type": "SentenceTransformer",
        "prompts": dict(prompts.texts),
        "default_prompt_name": prompts.default,
        "similarity_fn_name": similarity,
    }
    write_json(folder / _FILE, facts)


def _read_texts(path: Path, facts: Mapping[str, Any]) -> dict[str, str]:
    given = facts.get("prompts") or {}
    if not isinstance(given, dict) or not all(isinstance(x, str | None) for x in given.values()):
        raise ValueError(f"{path}: prompts must map names to texts, was {shown(given)}")
    return _USUAL | {name: text or "" for name, text in given.items()}


def _read_default(path: Path, facts: Mapping[str, Any]) -> str | None:
    name = facts.get("default_prompt_name")
    if name is not None and (not isinstance(name, str) or name not in _read_texts(path, facts)):
        raise ValueError(
            f"{path}: default_prompt_name must be one of the prompts "
            f"{shown(sorted(_read_texts(path, facts)))}, was {shown(name)}"
        )
    return name
