"""What a compiled program sends between devices, with the rounds of its loops counted."""

import math
import re
from collections.abc import Iterator

import jax

COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.-]+) \(.*\{$")
INSTRUCTION = re.compile(r"^ +(?:ROOT )?%?[\w.-]+ = (.*?) ([a-z][\w-]*)\((.*)$")
CALLED = re.compile(r"(?:to_apply|calls|body|condition)=%?([\w.-]+)")
TRIPS = re.compile(r'known_trip_count":\{"n":"(\d+)"')
SHAPE = re.compile(r"[a-z]+\d*\[([\d,]*)\]")


def count(program: jax.stages.Compiled, operation: str) -> list[int]:
    """List the numbers of one operation's results, once for each time that it is executed."""
    entry, computations = _read(program.as_text() or "")

    def walk(name: str) -> Iterator[int]:
        for shape, kind, rest in computations[name]:
            if kind in (operation, f"{operation}-start"):
                yield sum(
                    math.prod(map(int, filter(None, dims.split(","))))
                    for dims in SHAPE.findall(shape)
                )
            if kind in ("while", "call", "fusion", "conditional"):
                trips = int(TRIPS.findall(rest)[0]) if kind == "while" else 1
                for called in CALLED.findall(rest):
                    yield from list(walk(called)) * trips

    return list(walk(entry))


def _read(text: str) -> tuple[str, dict[str, list[tuple[str, str, str]]]]:
    """Return the name of the entry, and (shape, kind, rest) of the instructions by computation."""
    entry, current, computations = "", [], {}
    for line in text.splitlines():
        if start := COMPUTATION.match(line):
            current = computations.setdefault(start[2], [])
            entry = start[2] if start[1] else entry
        elif found := INSTRUCTION.match(line):
            current.append(found.groups())
    return entry, computations
