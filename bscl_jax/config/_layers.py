"""A config file and those that it builds on: ``base: ../other.yaml``."""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

BASE = "base"
"""The key that names the file, or files, that a config builds on."""


class ConfigError(ValueError):
    """A config that cannot be run. The message has one line for each mistake."""


class Layer(NamedTuple):
    """A file of a config.

    Attributes:
        source: what messages call it.
        node: its YAML with lines and columns.
    """

    source: str
    node: yaml.Node | None


def read_file(path: Path) -> str:
    """Return the text of a config file.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigError: it is not UTF-8.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such config file; configs/ has some to start from")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: not UTF-8 (byte {error.start}); save the file as UTF-8"
        ) from None


def read_layers(
    text: str, source: str, *, above: Sequence[Path] = ()
) -> tuple[dict[str, Any], list[Layer]]:
    """Read YAML text and what it builds on.

    ``base`` names a file, from the folder of the one that names it, or a list of them, of which
    the later win. What the text itself says wins over all: sections are merged key by key, but
    one of another ``kind`` than in the base replaces it whole.

    Args:
        text: YAML.
        source: the file, as messages call it.
        above: the files that led here.

    Returns:
        The merged mapping, and the files in the order in which they win.

    Raises:
        FileNotFoundError: a base is not there.
        ConfigError: a file is not UTF-8, not YAML or no mapping, or builds on itself.
    """
    raw, node = _read_yaml(text, source)
    bases = _bases(raw.pop(BASE, []), source)
    layers = [Layer(source, node)]
    merged: dict[str, Any] = {}
    for base in bases:
        path = Path(source).parent / base
        if path.resolve() in above or path.resolve() == Path(source).resolve():
            raise ConfigError(f"{source}: {BASE}: {base} builds on this file; break the circle")
        below, files = read_layers(
            _read_base(path, source), str(path), above=(*above, Path(source).resolve())
        )
        merged = merge(merged, below)
        layers[1:1] = files
    return merge(merged, raw), layers


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Put ``over`` over ``base``, section by section.

    Example:
        >>> from bscl_jax.config._layers import merge
        >>> base = {"loss": {"kind": "combo", "mu": 0.5}, "training": {"epochs": 5}}
        >>> merge(base, {"loss": {"kind": "triplet"}, "training": {"batch_size": 30}})
        {'loss': {'kind': 'triplet'}, 'training': {'epochs': 5, 'batch_size': 30}}
    """
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and _same_kind(below, value):
            value = merge(below, value)
        merged[key] = value
    return merged


def _same_kind(base: Mapping[str, Any], over: Mapping[str, Any]) -> bool:
    return "kind" not in over or "kind" not in base or over["kind"] == base["kind"]


def _bases(value: Any, source: str) -> list[str]:
    names = value if isinstance(value, list) else [value]
    if not all(isinstance(name, str) and name for name in names):
        raise ConfigError(f"{source}: {BASE} takes the path of a file or a list, was {value!r}")
    return names


def _read_base(path: Path, source: str) -> str:
    try:
        return read_file(path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path}: no such config file, on which {source} builds; {BASE} is relative to the "
            "folder of the file that names it"
        ) from None


def _read_yaml(text: str, source: str) -> tuple[dict[str, Any], yaml.Node | None]:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_bad_keys(node, source)
        raw = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise ConfigError(f"{place}: not valid YAML: {error.problem or error.context}") from None
    except ConfigError:
        raise
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: not valid YAML: {error}") from None
    except RecursionError:
        raise ConfigError(
            f"{source}: sections are nested too deeply, or one holds itself by an alias (*name); "
            "write out what is meant"
        ) from None
    except ValueError as error:  # a date or number that is none
        raise ConfigError(f"{source}: not valid YAML: {error}; quote what is text") from None
    if not isinstance(raw, dict):
        shown = repr(raw) if len(repr(raw)) <= 60 else repr(raw)[:57] + "..."
        raise ConfigError(f"{source}: a config is a mapping of sections, was {shown}")
    return raw, node


def _refuse_bad_keys(node: yaml.Node | None, source: str) -> None:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_bad_keys(item, source)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[Hashable] = set()
    for key, value in node.value:
        mark = key.start_mark
        place = f"{source}:{mark.line + 1}:{mark.column + 1}"
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(
                f"{place}: a key must be a word, was a {key.id}; fill in templates such as "
                "{{ … }}, or quote them"
            )
        if key.value in seen:
            raise ConfigError(f"{place}: {key.value!r} stands twice; keep one of them")
        seen.add(key.value)
        _refuse_bad_keys(value, source)
