"""YAML text and overrides → a checked :class:`Config`, or one message that names every mistake."""

import dataclasses
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pydantic
import yaml
from pydantic_core import ErrorDetails

from bscl_jax.config._layers import ConfigError, Layer, read_file, read_layers
from bscl_jax.config._sections import Config

Keys = tuple[int | str, ...]
OVERRIDE = "--set"
KIND_ERRORS = {"union_tag_invalid", "union_tag_not_found"}


def load(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a config file, and those that it builds on with ``base: other.yaml``.

    A ``base`` is looked for from the folder of the file that names it; what a file says wins over
    its base, section by section and key by key, and a section of another ``kind`` replaces that of
    the base. A list of bases may be given, of which the later win.

    Args:
        path: a YAML file.
        overrides: ``a.b=c`` texts; the value is read as YAML and wins over the file.

    Returns:
        The checked config, defaults filled in.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigError: it is not UTF-8 or not YAML, a key is unknown or missing, a value is not
            allowed. All mistakes are named at once, each with its line, column and path.

    Example:
        >>> from bscl_jax import config
        >>> try:
        ...     config.load("missing.yaml")
        ... except FileNotFoundError as error:
        ...     print(error)
        missing.yaml: no such config file; configs/ has some to start from
    """
    return parse(read_file(Path(path)), overrides, source=str(path))


def parse(text: str, overrides: Sequence[str] = (), *, source: str = "config") -> Config:
    """Read a config from YAML text; see :func:`load`.

    Example:
        >>> from bscl_jax import config
        >>> text = '''
        ... run: {dir: runs/example}
        ... data: {kind: library_desk}
        ... encoder: {kind: random}
        ... loss: {kind: batch_softmax, temperature: 5e-2}
        ... shuffling: {kind: random}
        ... evaluation: {measure: unseen/mrr}
        ... '''
        >>> config.parse(text, ["training.batch_size=64"]).training.batch_size
        64
    """
    raw, layers = read_layers(text, source)
    overridden = {_override(raw, text) for text in overrides}
    try:
        return pydantic.TypeAdapter(Config).validate_python(raw)
    except pydantic.ValidationError as error:
        lines = [_line(detail, layers, overridden) for detail in error.errors(include_url=False)]
        raise ConfigError("\n".join(lines)) from None


def dump(config: Config) -> str:
    """Return the resolved config as YAML, every default written out; ``parse`` reads it back.

    Example:
        >>> from bscl_jax import config
        >>> resolved = config.parse(
        ...     "{run: {dir: runs/example}, data: {kind: library_desk}, encoder: {kind: random}, "
        ...     "loss: {kind: cosine_mse}, shuffling: {kind: random}, evaluation: {measure: a/b}}"
        ... )
        >>> config.dump(resolved).splitlines()[:3]
        ['run:', '  dir: runs/example', '  seed: 0']
    """
    return yaml.safe_dump(as_dict(config), sort_keys=False, allow_unicode=True)


def as_dict(config: Config) -> dict[str, Any]:
    """Return the resolved config as nested dicts of plain values.

    Example:
        >>> from bscl_jax import config
        >>> resolved = config.parse(
        ...     "{run: {dir: runs/example}, data: {kind: library_desk}, encoder: {kind: random}, "
        ...     "loss: {kind: cosine_mse}, shuffling: {kind: random}, evaluation: {measure: a/b}}"
        ... )
        >>> config.as_dict(resolved)["run"]
        {'dir': 'runs/example', 'seed': 0}
    """
    return pydantic.TypeAdapter(Config).dump_python(config, mode="json")


def _override(raw: dict[str, Any], text: str) -> Keys:
    path, equals, value = text.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"{OVERRIDE} takes section.key=value, was {text!r}")
    section = raw
    for key in keys[:-1]:
        inner = section.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{OVERRIDE} {text}: {key!r} is a value, not a section")
        section = cast(dict[str, Any], inner)
    try:
        section[keys[-1]] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError(f"{OVERRIDE} {text}: {value!r} is not valid YAML; quote it") from None
    return tuple(keys)


def _line(detail: ErrorDetails, layers: Sequence[Layer], overridden: set[Keys]) -> str:
    """One mistake as ``file:line:column: path: rule, was value``."""
    keys = _plain_path(detail["loc"])
    if detail["type"] in KIND_ERRORS:
        keys = (*keys, "kind")
    given = any(keys[: len(path)] == path for path in overridden)
    place = OVERRIDE if given else _place(layers, keys)
    return f"{place}: {'.'.join(map(str, keys))}: {_rule(detail, keys)}"


def _rule(detail: ErrorDetails, keys: Keys) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return "is required"
    if kind == "unexpected_keyword_argument":
        return f"unknown key; {_known(keys, detail)}"
    if kind in KIND_ERRORS:
        known = context.get("expected_tags") or ", ".join(map(repr, _kinds_at(keys[0])))
        return f"must be one of {known}, was {_shown(context.get('tag'))}"
    if kind in {"dataclass_type", "model_attributes_type"}:
        return f"must be a section, with keys below it, was {_shown(detail['input'])}"
    message = detail["msg"][0].lower() + detail["msg"][1:]
    if kind.endswith(("_parsing", "_from_float")):
        message = message.partition(", ")[0]  # the rest says what "was ..." says too
    message = message.replace("input should be", "must be").replace("should have", "must have")
    return f"{message}, was {_shown(detail['input'])}"


def _known(keys: Keys, detail: ErrorDetails) -> str:
    known = _fields_at(detail["loc"][:-1])
    near = difflib.get_close_matches(str(keys[-1]), known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}known here: {', '.join(known)}"


def _fields_at(loc: Keys) -> list[str]:
    """Names of the fields of the section that a pydantic location points into."""
    if not loc:
        return [f.name for f in dataclasses.fields(Config)]
    for member in _members(loc[0]):
        if len(loc) == 1 or _kind(member) == loc[1]:
            return [f.name for f in dataclasses.fields(member)]
    return []


def _kinds_at(section: int | str) -> list[str]:
    return [_kind(member) for member in _members(section)]


def _members(section: int | str) -> tuple[Any, ...]:
    """Return the forms that a section of the config may have."""
    field = next(f for f in dataclasses.fields(Config) if f.name == section)
    choices = getattr(field.type, "__origin__", field.type)
    return getattr(choices, "__args__", (choices,))


def _kind(member: Any) -> Any:
    return getattr(member.__annotations__.get("kind"), "__args__", (None,))[0]


def _plain_path(loc: Keys) -> Keys:
    """Drop from a location what is not a key of the file: pydantic's tag of a ``kind:`` section."""
    if len(loc) > 2 and any(f.name == loc[0] and _is_tagged(f) for f in dataclasses.fields(Config)):
        return (loc[0], *(key for key in loc[2:] if key != "[key]"))
    return tuple(key for key in loc if key != "[key]")


def _is_tagged(field: "dataclasses.Field[Any]") -> bool:
    return hasattr(field.type, "__metadata__")


def _place(layers: Sequence[Layer], keys: Keys) -> str:
    """The file, line and column of the deepest key of the path that one of the files has."""
    marks = [_marks(layer.node, keys) for layer in layers]
    deepest = max(range(len(layers)), key=lambda i: len(marks[i]))
    source = layers[deepest].source
    if not marks[deepest]:
        return source
    mark = marks[deepest][-1]
    return f"{source}:{mark.line + 1}:{mark.column + 1}"


def _marks(node: yaml.Node | None, keys: Keys) -> list[yaml.Mark]:
    """Where the keys of the path stand, as far down as the file has them."""
    marks: list[yaml.Mark] = []
    for key in keys:
        if not isinstance(node, yaml.MappingNode):
            break
        found = [(k, v) for k, v in node.value if k.value == key]
        if not found:
            break
        marks.append(found[0][0].start_mark)
        node = found[0][1]
    return marks


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
