"""What a compiled program does, counted in its HLO text, loops as often as they run."""

import math
import re
from collections.abc import Callable

import jax

BYTES = {"pred": 1, "bf16": 2, "f16": 2, "u16": 2, "s32": 4, "u32": 4, "f32": 4, "f64": 8}
COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
CALLED = re.compile(r"(?:calls|to_apply|body|condition)=%?([\w.\-]+)")
SHAPE = re.compile(r"(\w+)\[([\d,]*)\]")


def dot_operations(compiled: jax.stages.Compiled) -> int:
    """Floating-point operations of all matrix products, a multiplication and an addition each."""
    return _total(compiled.as_text(), _dot_operations)


def bytes_sent(compiled: jax.stages.Compiled) -> int:
    """Bytes that one device passes on to its neighbor."""
    return _total(compiled.as_text(), _bytes_permuted)


def _total(text: str, count: Callable[[str, dict[str, str]], int]) -> int:
    computations, entry = _computations(text)

    def of(name: str) -> int:
        lines = computations[name]
        shapes = dict(re.match(r"(?:ROOT )?%?([\w.\-]+) = (.*)", line).groups() for line in lines)
        total = 0
        for line in lines:
            total += count(line, shapes)
            trips = re.search(r'"known_trip_count":\{"n":"(\d+)"\}', line)
            if " while(" in line:
                assert trips, f"a loop of unknown length: {line}"
            times = int(trips.group(1)) if trips else 1
            total += times * sum(of(called) for called in CALLED.findall(line))
        return total

    return of(entry)


def _computations(text: str) -> tuple[dict[str, list[str]], str]:
    found: dict[str, list[str]] = {}
    entry = name = ""
    for line in text.splitlines():
        header = COMPUTATION.match(line)
        if header:
            name = header.group(2)
            found[name] = []
            entry = name if header.group(1) else entry
        elif " = " in line and name:
            found[name].append(line.strip())
    return found, entry


def _dimensions(shape: str) -> list[int]:
    return [int(size) for size in SHAPE.search(shape).group(2).split(",") if size]


def _dot_operations(line: str, shapes: dict[str, str]) -> int:
    dot = re.search(r" = (\S+) dot\(([^)]*)\), .*lhs_contracting_dims=\{([\d,]*)\}", line)
    if not dot:
        return 0
    left = re.search(r"%?([\w.\-]+)$", dot.group(2).split(", %")[0]).group(1)
    contracted = [_dimensions(shapes[left])[int(axis)] for axis in dot.group(3).split(",")]
    return 2 * math.prod(_dimensions(dot.group(1))) * math.prod(contracted)


def _bytes_permuted(line: str, shapes: dict[str, str]) -> int:
    permuted = re.search(r" = (.*) collective-permute(?:-start)?\(([^)]*)\)", line)
    if not permuted:
        return 0
    operands = re.findall(r"%([\w.\-]+)", permuted.group(2))
    sizes = [SHAPE.search(shapes[name]).groups() for name in operands]
    return sum(BYTES[kind] * math.prod(int(x) for x in d.split(",") if x) for kind, d in sizes)
