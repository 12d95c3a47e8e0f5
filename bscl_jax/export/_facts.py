"""``bscl_jax.json``: what training found, beside the model."""

import json
import math
from pathlib import Path
from typing import NamedTuple

from bscl_jax._version import VERSION

FACTS_FILE = "bscl_jax.json"


class Facts(NamedTuple):
    """What training found.

    Attributes:
        temperature: temperature of the loss at its end, > 0; None if there was none.
        threshold: cosine from which a pair counts as alike, in [-1, 1]; None if none was chosen.
    """

    temperature: float | None = None
    threshold: float | None = None

    def check(self) -> None:
        """Refuse what is out of range.

        Raises:
            ValueError: naming it.
        """
        if self.temperature is not None and not 0 < self.temperature < math.inf:
            raise ValueError(f"temperature must be > 0 and finite, was {self.temperature}")
        if self.threshold is not None and not -1 <= self.threshold <= 1:
            raise ValueError(f"threshold must be a cosine in [-1, 1], was {self.threshold}")


def write_facts(folder: Path, facts: Facts) -> None:
    """Write them into an export."""
    content = {"bscl_jax": VERSION, **facts._asdict()}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    (folder / FACTS_FILE).write_text(text, encoding="utf-8")


def read_facts(folder: str | Path | None) -> Facts:
    """Read what training found.

    Args:
        folder: an export, or the folder of any other model (``encoder.folder``); None is none.

    Returns:
        What its ``bscl_jax.json`` says; nothing where it has none.

    Raises:
        ValueError: the file is damaged.

    Example:
        >>> import tempfile
        >>> from bscl_jax import export
        >>> export.read_facts(tempfile.mkdtemp())
        Facts(temperature=None, threshold=None)
    """
    path = None if folder is None else Path(folder).expanduser() / FACTS_FILE
    if path is None or not path.is_file():
        return Facts()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        facts = Facts(*(content[name] for name in Facts._fields))
        facts.check()
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} cannot be read ({error}); export the model again") from error
    return facts
