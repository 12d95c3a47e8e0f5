"""Damaged and hostile variants of a model folder, drawn from a seed."""

import json
import random
from collections.abc import Callable
from pathlib import Path

Files = dict[str, bytes]
Draw = random.Random

WEIGHTS = ("model.safetensors", "2_Dense/model.safetensors")
HOSTILE_TEXTS = ("../../etc", "/etc/passwd", "os.system", "\u0000", "a" * 3000, "torch.nn.Tanh", "")
HOSTILE_NUMBERS = (
    0,
    -1,
    1,
    3,
    2**31,
    2**63,
    10**18,
    10**40,
    0.5,
    1e300,
    float("inf"),
    float("nan"),
)


def hostile(files: Files, seed: int) -> Files:
    """Draw a variant of these files (path in the folder to content); equal seeds, equal bytes.

    One to three changes are made, each to one file, so that a check cannot hide behind another.
    """
    draw = random.Random(seed)
    changed = dict(files)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        draw.choice(CHANGES)(changed, draw)
    return changed


def _any(files: Files, draw: Draw) -> str:
    return draw.choice(sorted(files))


def _json_file(files: Files, draw: Draw) -> str:
    return draw.choice(sorted(name for name in files if name.endswith(".json")))


def _weights(files: Files, draw: Draw) -> str:
    return draw.choice(sorted(name for name in files if name.endswith(".safetensors")) or WEIGHTS)


def flip_bits(files: Files, draw: Draw) -> None:
    name = _any(files, draw)
    content = bytearray(files[name])
    for _ in range(draw.randint(1, 8) if content else 0):
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    files[name] = bytes(content)


def flip_header(files: Files, draw: Draw) -> None:
    name = _weights(files, draw)
    content = bytearray(files.get(name, b""))
    header = min(len(content), 8 + int.from_bytes(content[:8], "little"))
    for _ in range(draw.randint(1, 4) if header else 0):
        content[draw.randrange(header)] = draw.choice(b'{}[]":,0123456789FIB\xff\x00')
    files[name] = bytes(content)


def cut(files: Files, draw: Draw) -> None:
    name = _any(files, draw)
    files[name] = files[name][: draw.randrange(len(files[name]) + 1)]


def lengthen(files: Files, draw: Draw) -> None:
    files[_any(files, draw)] += draw.randbytes(draw.randint(1, 64))


def remove(files: Files, draw: Draw) -> None:
    del files[_any(files, draw)]


def insert(files: Files, draw: Draw) -> None:
    name = _any(files, draw)
    place = draw.randrange(len(files[name]) + 1)
    files[name] = files[name][:place] + draw.randbytes(draw.randint(1, 8)) + files[name][place:]


def set_length(files: Files, draw: Draw) -> None:
    """Say that the header has another length."""
    name = _weights(files, draw)
    length = draw.choice((0, 1, 7, 2**20, 2**32, 2**63 - 1, 2**64 - 1, draw.randrange(10**4)))
    files[name] = length.to_bytes(8, "little") + files.get(name, b"")[8:]


def change_header(files: Files, draw: Draw) -> None:
    """Give a tensor another shape, type, place or name, with a header that fits the file."""
    name = _weights(files, draw)
    found = _split(files.get(name, b""))
    if found is None:
        return
    header, data = found
    tensor = draw.choice(sorted(header))
    entry = header[tensor]
    kind = draw.randrange(6)
    if kind == 0:
        sizes = (0, 1, 8, 2**31, 2**62, 2**64, -1, 1.5, "8")
        entry["shape"] = [draw.choice(sizes) for _ in range(draw.randint(0, 9))]
    elif kind == 1:
        entry["dtype"] = draw.choice(("F64", "F16", "BF16", "I8", "F8_E4M3", "BOOL", "X", "", 7))
    elif kind == 2:
        entry["data_offsets"] = draw.choice(
            ([0, 0], [0, len(data)], [0, 2**63], [8, 4], [-4, 4], [0], [0, 2**64], "0")
        )
    elif kind == 3:
        header[tensor] = header[draw.choice(sorted(header))]  # two in one place
    elif kind == 4:
        header[draw.choice(("bert." + tensor, "../" + tensor, "", "a" * 3000))] = entry
        if draw.random() < 0.7:
            del header[tensor]
    else:
        header["__metadata__"] = draw.choice(({"format": "pt"}, {"format": 7}, [], {"a": {}}, None))
    files[name] = _join(header, data)


def many_tensors(files: Files, draw: Draw) -> None:
    name = _weights(files, draw)
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    count = draw.choice((100, 1000))
    files[name] = _join({f"tensor.{number}": empty for number in range(count)}, b"")


def change_json(files: Files, draw: Draw) -> None:
    """Put another value in a place of a JSON file."""
    name = _json_file(files, draw)
    try:
        facts = json.loads(files[name])
    except (ValueError, RecursionError):
        return
    branch, key = _find_place(facts, draw)
    if branch is not None:
        branch[key] = _value(draw)
        files[name] = json.dumps(facts).encode()


def nest(files: Files, draw: Draw) -> None:
    name = _json_file(files, draw)
    depth = draw.choice((100, 2_000, 100_000))
    start, end = draw.choice(((b"[", b"]"), (b'{"a":', b"}")))
    files[name] = start * depth + b"1" + end * (depth if draw.random() < 0.7 else 0)


def long_number(files: Files, draw: Draw) -> None:
    name = _json_file(files, draw)
    files[name] = files[name].replace(b": ", b": " + b"9" * draw.choice((30, 400, 5_000)), 1)


def split_in_parts(files: Files, draw: Draw) -> None:
    """Name the weights in an index whose entries are partly hostile."""
    found = _split(files.get(WEIGHTS[0], b""))
    if found is None:
        return
    parts = ("model-1.safetensors", "../model.safetensors", "/dev/zero", "2_Dense/x", 7, "a.bin")
    places = dict.fromkeys(found[0], parts[0])
    if draw.random() < 0.8:
        places[draw.choice(sorted(places))] = draw.choice(parts)
    files[parts[0]] = files.pop(WEIGHTS[0])
    files["model.safetensors.index.json"] = json.dumps({"weight_map": places}).encode()


CHANGES: tuple[Callable[[Files, Draw], None], ...] = (
    flip_bits,
    flip_header,
    cut,
    lengthen,
    remove,
    insert,
    set_length,
    change_header,
    change_header,
    many_tensors,
    change_json,
    change_json,
    nest,
    long_number,
    split_in_parts,
)


def read_files(folder: Path) -> Files:
    """All files of a folder, by their paths in it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def _split(content: bytes) -> tuple[dict, bytes] | None:
    length = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + length])
    except (ValueError, RecursionError):
        return None
    if not isinstance(header, dict):
        return None
    header = {name: entry for name, entry in header.items() if isinstance(entry, dict)}
    header.pop("__metadata__", None)
    return (header, content[8 + length :]) if header else None


def _join(header: dict, data: bytes) -> bytes:
    start = json.dumps(header).encode()
    return len(start).to_bytes(8, "little") + start + data


def _find_place(facts: object, draw: Draw) -> tuple:
    """A random place in nested JSON: what holds it, and its key."""
    branch, key = None, None
    while isinstance(facts, dict | list) and facts and (branch is None or draw.random() < 0.7):
        branch = facts
        key = draw.choice(sorted(facts) if isinstance(facts, dict) else range(len(facts)))
        facts = branch[key]
    return branch, key


def _value(draw: Draw) -> object:
    choices = (None, True, False, [], {}, [1], {"a": 1}, *HOSTILE_NUMBERS, *HOSTILE_TEXTS)
    return draw.choice(choices)
