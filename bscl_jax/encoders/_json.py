"""JSON of a model folder: read within limits, written as the ecosystem does."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ANY = object()
"""In the table of ``check_settings``: a setting that is read and checked elsewhere."""

_LARGEST = 4 << 20  # bytes; parsing takes up to 30 times as much memory


def read_json(path: Path) -> dict[str, Any]:
    """Parse a JSON object; an absent file is an empty one.

    Args:
        path: the file, at most 4 MiB.

    Returns:
        The object.

    Raises:
        ValueError: naming file, line and column for what is not JSON, not UTF-8 or no object, and
            for a file that is too large or nests too deeply.
    """
    if not path.is_file():
        return {}
    facts = parse_json(path)
    if not isinstance(facts, dict):
        raise ValueError(f"{path} must hold a JSON object, holds a {type(facts).__name__}")
    return facts


def parse_json(path: Path) -> Any:
    """Parse a JSON file that exists, whatever it holds; limits and errors as ``read_json``."""
    check_size(path, _LARGEST)
    try:
        return json.loads(path.read_bytes().decode("utf-8"))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"{path} is not JSON: {error.msg} at {where}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: byte {error.start} cannot be read") from error
    except RecursionError as error:
        raise ValueError(f"{path} nests too deeply for a file of settings") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise ValueError(f"{path} is not JSON that can be used: {error}") from error


def check_size(path: Path, largest: int) -> None:
    """Raise ValueError for a file of more than ``largest`` bytes."""
    size = path.stat().st_size
    if size > largest:
        raise ValueError(
            f"{path} has {size:,} bytes, at most {largest:,} are read; it is no file of its kind"
        )


def check_settings(path: Path, facts: Mapping[str, Any], known: Mapping[str, object]) -> None:
    """Refuse settings that this project does not follow, so that none is passed over in silence.

    Args:
        path: the file, for the message.
        facts: what it holds.
        known: name to the tuple of values that are followed, or ``ANY``.

    Raises:
        ValueError: naming every other setting.
    """
    mistakes = [
        f"{shown(name)} = {shown(value)}"
        for name, value in facts.items()
        if not _is_followed(value, known.get(name, ()))
    ]
    if mistakes:
        raise ValueError(f"{path} has settings that are not supported: {', '.join(mistakes[:12])}")


def _is_followed(value: object, allowed: object) -> bool:
    """Whether a value is one of those allowed; 1 is not true here."""
    if allowed is ANY:
        return True
    return isinstance(allowed, tuple) and any(
        type(value) is type(one) and value == one for one in allowed
    )


def shown(value: object) -> str:
    """Show a value of a file in a message: ``repr``, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


def write_json(path: Path, facts: object) -> None:
    """Write JSON as the ecosystem does: UTF-8, two spaces, a newline at the end."""
    path.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
