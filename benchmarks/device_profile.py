"""Where the time of a step goes on the device, kernel by kernel, as the profiler of JAX sees it."""

import os
from collections import defaultdict
from pathlib import Path
from typing import Any

from device_measure import Found
from device_model import make_texts, prepare_step
from device_plan import Case

PROGRAMS = "BSCL_JAX_DEVICE_PROGRAMS"
"""An environment variable: a folder for the programs that are profiled, as XLA compiled them."""

STEPS = 3
WARM_UP = 2
LARGEST = 40
LONGEST_NAME = 100


def measure(case: Case, found: Found) -> dict[str, Any]:
    """Trace a few steps and add up their kernels by name."""
    import jax

    stepping = prepare_step(case, make_texts(case))
    if folder := os.environ.get(PROGRAMS):
        path = Path(folder, case["label"].replace(" ", "-") + ".hlo")
        path.write_text(stepping.compiled.as_text(), encoding="utf-8")
    for _ in range(WARM_UP):
        jax.block_until_ready(stepping.run())
    folder = found.folder / case["label"].replace(" ", "-")
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0
    with jax.profiler.trace(str(folder), profiler_options=options):
        for _ in range(STEPS - 1):
            stepping.run()
        jax.block_until_ready(stepping.run())
    path = max(folder.rglob("*.xplane.pb"), key=lambda path: path.stat().st_mtime)
    return {**stepping.facts, **read(path)}


def read(path: Path) -> dict[str, Any]:
    """Add up the events of a trace by name.

    Only the streams of a GPU count: other lines of its plane say the same once more.
    """
    import jax

    planes = list(jax.profiler.ProfileData.from_file(str(path)).planes)
    lines = [(plane.name, line) for plane in planes for line in plane.lines]
    on_gpu = [
        line for plane, line in lines if "/device:GPU" in plane and line.name.startswith("Stream")
    ]
    if not on_gpu:
        on_gpu = [line for plane, line in lines if "/device:GPU" in plane]
    chosen = on_gpu or [line for _, line in lines if line.name != "python"]
    seconds: defaultdict[str, float] = defaultdict(float)
    counts: defaultdict[str, int] = defaultdict(int)
    places: dict[str, str] = {}
    begin, end = float("inf"), 0.0
    for line in chosen:
        for event in line.events:
            name = event.name[:LONGEST_NAME]
            if name not in places:
                places[name] = _place(event)
            seconds[name] += event.duration_ns / 1e6
            counts[name] += 1
            begin, end = min(begin, event.start_ns), max(end, event.start_ns + event.duration_ns)
    largest = sorted(seconds, key=lambda name: -seconds[name])[:LARGEST]
    return {
        "steps": STEPS,
        "lines": sorted({f"{plane}: {line.name}" for plane, line in lines})[:40],
        "milliseconds_of_kernels": sum(seconds.values()) / STEPS,
        "milliseconds_in_all": (end - begin) / 1e6 / STEPS if seconds else None,
        "largest": [
            {
                "name": name,
                "op": places[name],
                "milliseconds": seconds[name] / STEPS,
                "count": counts[name] / STEPS,
            }
            for name in largest
        ],
    }


def _place(event: Any) -> str:
    """Return where in the program a kernel comes from, as far as the trace says."""
    facts = {str(name): str(value) for name, value in event.stats if name is not None}
    found = facts.get("tf_op") or facts.get("name") or facts.get("hlo_op") or ""
    return found[-LONGEST_NAME:]
