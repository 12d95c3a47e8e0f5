"""The run's log: one JSON object a line, in the order things happened."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class MetricsLog:
    """Appends records to ``metrics.jsonl``.

    A checkpoint keeps :attr:`num_lines`; a resumed run cuts the file back to it, so that no step
    is logged twice and none is missing. Records hold no times: two runs of the same seed write
    the same bytes.

    Args:
        path: the file; made with its folder if it is not there. None keeps no file, for those of
            several processes that do not write.

    Example:
        >>> import tempfile
        >>> from bscl_jax.reporting import MetricsLog, read_metrics
        >>> path = tempfile.mkdtemp() + "/metrics.jsonl"
        >>> log = MetricsLog(path)
        >>> log.write({"event": "step", "step": 1, "loss": 0.5})
        >>> log.num_lines, read_metrics(path)
        (1, [{'event': 'step', 'step': 1, 'loss': 0.5}])
    """

    def __init__(self, path: str | Path | None) -> None:
        self.path = None if path is None else Path(path)
        self.num_lines = 0
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.num_lines = _cut(self.path, None)

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one record and hand it to the operating system.

        Args:
            record: JSON values by name; NaN and infinity are refused.

        Raises:
            ValueError: a number is not finite.
        """
        line = json.dumps(record, allow_nan=False)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        self.num_lines += 1

    def cut(self, num_lines: int) -> None:
        """Drop every line after the first ``num_lines``.

        Raises:
            ValueError: the file has fewer whole lines than that.
        """
        found = num_lines if self.path is None else _cut(self.path, num_lines)
        if found < num_lines:
            raise ValueError(
                f"{self.path} must have at least {num_lines} lines, as the checkpoint says, "
                f"had {found}; restore the file or start a new run folder"
            )
        self.num_lines = num_lines


def read_metrics(path: str | Path) -> list[dict[str, Any]]:
    """Return the records of a metrics file, in order.

    Example:
        >>> import tempfile
        >>> from bscl_jax.reporting import MetricsLog, read_metrics
        >>> path = tempfile.mkdtemp() + "/metrics.jsonl"
        >>> MetricsLog(path).write({"event": "step", "step": 1, "loss": 0.5})
        >>> read_metrics(path)[0]["loss"]
        0.5
    """
    with Path(path).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _cut(path: Path, num_lines: int | None) -> int:
    """Cut a file to at most ``num_lines`` whole lines (a torn last line goes) and count them."""
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        whole = [line for line in file.read().splitlines(keepends=True) if line.endswith(b"\n")]
        kept = whole[:num_lines]
        file.truncate(sum(map(len, kept)))
        file.flush()
        os.fsync(file.fileno())
    return len(kept)
