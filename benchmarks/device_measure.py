"""Timing that the cases of ``device.py`` share."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from device_plan import Case

LONG = 3.0
"""What takes more seconds than this is timed once."""

GROUPS = 3


class Found(NamedTuple):
    """What a case may need to know: a folder for files, when it must end, and earlier results."""

    folder: Path
    end: float
    done: list[Case]


def timed(run: Callable[[], Any]) -> float:
    """Return the seconds of one call."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def repeat(
    run: Callable[[], Any],
    wait: Callable[[Any], Any],
    *,
    together: int = 1,
    groups: int = GROUPS,
    compiled: bool = False,
) -> dict[str, Any]:
    """Time calls of ``run``.

    Args:
        run: begins one; what it returns is given to ``wait``.
        wait: returns when this is done.
        together: calls begun without waiting in between.
        groups: so many times.
        compiled: whether the very first call counts where it takes long, nothing being left to
            compile in it.

    Returns:
        Seconds of a call in each group, their median, and those of the first call.
    """
    first = timed(lambda: wait(run()))
    if compiled and first > LONG:
        return {"seconds": [first], "median": first, "first_call_seconds": first}
    again = timed(lambda: wait(run()))
    seconds = [again]
    if again <= LONG:
        count = max(1, min(together, int(LONG / again)))

        def run_together() -> None:
            for _ in range(count - 1):
                run()
            wait(run())

        seconds = [timed(run_together) / count for _ in range(groups)]
    median = statistics.median(seconds)
    return {"seconds": seconds, "median": median, "first_call_seconds": first}


def memory_of_jax(compiled: Any = None) -> dict[str, Any]:
    """Return what the compiler planned, and the most bytes that this process has had so far."""
    import jax

    stats = jax.devices()[0].memory_stats() or {}
    found: dict[str, Any] = {"peak_bytes": stats.get("peak_bytes_in_use")}
    planned = compiled.memory_analysis() if compiled is not None else None
    if planned is not None:
        kinds = ("temp", "output", "argument", "alias")
        parts = {kind: getattr(planned, f"{kind}_size_in_bytes", 0) for kind in kinds}
        # What is donated is an argument and an output at once.
        found |= {
            "planned_parts": parts,
            "planned_bytes": parts["temp"] + parts["output"] + parts["argument"] - parts["alias"],
        }
    return found
