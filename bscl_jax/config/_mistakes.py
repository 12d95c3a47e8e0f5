"""What is wrong with a config, a line a mistake: where it stands, the rule, what was given."""

import dataclasses
import difflib
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from pydantic_core import ErrorDetails

from bscl_jax.config._layers import Layer
from bscl_jax.config._sections import Config, Stage
from bscl_jax.config._target_encoder import ENCODER, TARGET_ENCODER

Keys = tuple[int | str, ...]
OVERRIDE = "--set"
KIND_ERRORS = {"union_tag_invalid", "union_tag_not_found"}


def describe_mistakes(
    details: Sequence[ErrorDetails], layers: Sequence[Layer], overridden: set[Keys]
) -> str:
    """Return the lines ``file:line:column: path: rule, was value``.

    A mistake that a stage, or the encoder of the targets, took over from a section of the config is
    named in that section only.

    Args:
        details: what pydantic found.
        layers: the files of the config, in the order in which they win.
        overridden: paths that the command line gave.
    """
    lines: list[str] = []
    shared: set[tuple[Keys, str]] = set()
    for detail in details:
        stage, loc, root = _split(detail["loc"])
        keys = _plain_path(loc, root)
        if detail["type"] in KIND_ERRORS:
            keys = (*keys, "kind")
        rule = _rule(detail, keys, loc, root)
        taken_over = keys
        if keys[:1] == (TARGET_ENCODER,):
            taken_over = (ENCODER, *keys[1:])
        if (stage or taken_over != keys) and (taken_over, rule) in shared:
            continue
        if not stage:
            shared.add((keys, rule))
        path = (*stage, *keys)
        given = any(path[: len(each)] == each for each in overridden)
        if not given and (*path[:-1], "kind") in overridden:  # and the rest is of another kind
            section = ".".join(map(str, path[:-1]))
            rule += f"; {OVERRIDE} '{section}={{kind: …}}' replaces the whole section"
        place = OVERRIDE if given else _place(layers, path)
        lines.append(f"{place}: {'.'.join(map(str, path))}: {rule}")
    return "\n".join(lines)


def _split(loc: Keys) -> tuple[Keys, Keys, type]:
    """Part a location into the stage that it is in, what follows, and what that is looked up in."""
    if len(loc) > 1 and loc[0] == "stages":
        return loc[:2], loc[2:], Stage
    return (), loc, Config


def _rule(detail: ErrorDetails, keys: Keys, loc: Keys, root: type) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return f"is required; write {_example(keys, root)}"
    if kind == "unexpected_keyword_argument":
        return f"unknown key; {_known(keys, loc, root)}"
    if kind in KIND_ERRORS:
        known = context.get("expected_tags") or ", ".join(map(repr, _kinds_at(keys[0], root)))
        return f"must be one of {known}, was {_shown(context.get('tag'))}"
    if kind in {"dataclass_type", "model_attributes_type"}:
        return f"must be a section, with keys below it, was {_shown(detail['input'])}"
    message = detail["msg"][0].lower() + detail["msg"][1:]
    if kind.endswith(("_parsing", "_from_float")):
        message = message.partition(", ")[0]  # the rest says what "was ..." says too
    message = message.replace("input should be", "must be").replace("should have", "must have")
    return f"{message}, was {_shown(detail['input'])}"


def _example(keys: Keys, root: type) -> str:
    """Show how a missing key is written."""
    *sections, name = keys
    if sections:
        section = ".".join(map(str, sections))
        return f"{name}: … in {section}, or {OVERRIDE} {section}.{name}=…"
    if any(kinds := _kinds_at(name, root)):
        return f"{name}: {{kind: …}} with one of {', '.join(map(repr, kinds))}"
    (form,) = _forms_at(name, root)
    needed = [f"{each.name}: …" for each in dataclasses.fields(form) if _is_needed(each)]
    return f"{name}: {{{', '.join(needed)}}}"


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


def _known(keys: Keys, loc: Keys, root: type) -> str:
    known = _fields_at(loc[:-1], root)
    near = difflib.get_close_matches(str(keys[-1]), known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}known here: {', '.join(known)}"


def _fields_at(loc: Keys, root: type) -> list[str]:
    """Names of the fields of the section that a pydantic location points into."""
    if not loc:
        return [f.name for f in dataclasses.fields(root)]
    for form in _forms_at(loc[0], root):
        if _kind(form) is None:
            return _fields_at(loc[1:], form)
        if loc[1:2] == (_kind(form),):
            return _fields_at(loc[2:], form)
    return []


def _kinds_at(section: int | str, root: type) -> list[str]:
    return [_kind(form) for form in _forms_at(section, root)]


def _forms_at(section: int | str, root: type) -> list[type]:
    """Return the forms that a section may have."""
    field = next(f for f in dataclasses.fields(root) if f.name == section)
    return list(_forms(field.type))


def _forms(annotation: Any) -> Iterator[type]:
    """Find the sections in an annotation such as ``Annotated[A | B, …] | None``."""
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _forms(part)


def _kind(form: type) -> Any:
    return getattr(form.__annotations__.get("kind"), "__args__", (None,))[0]


def _plain_path(loc: Keys, root: type) -> Keys:
    """Drop from a location what is not a key of the file: pydantic's tag of a ``kind:`` section."""
    if len(loc) > 2 and any(map(_kind, _forms_at(loc[0], root))):
        return (loc[0], *(key for key in loc[2:] if key != "[key]"))
    return tuple(key for key in loc if key != "[key]")


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
        if isinstance(node, yaml.MappingNode):
            found = [(k.start_mark, v) for k, v in node.value if k.value == key]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int):
            found = [(item.start_mark, item) for item in node.value[key : key + 1]]
        else:
            break
        if not found:
            break
        marks.append(found[0][0])
        node = found[0][1]
    return marks


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
