"""Whatever a model folder holds: it loads exactly, or there is one clear error, soon and cheaply.

``BSCL_JAX_FUZZ_CASES`` asks for another number of cases than 20,000; case n is the same whatever
the number is.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bscl_jax import encoders
from tests.encoders.hostile import Files, hostile, read_files

CASES = int(os.environ.get("BSCL_JAX_FUZZ_CASES", "20000"))
CASES_A_TEST = 1000
SECONDS = 2.0  # of this process, so that other load does not count
MEGABYTES = 256


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The smallest model that has every kind of file."""
    folder = tmp_path_factory.mktemp("valid") / "model"
    made = encoders.random(["a book"], seed=0, num_layers=1, hidden_size=8, max_length=8)
    encoders.save(folder, *made)
    (folder / "2_Normalize").rename(folder / "2_Dense")
    modules = json.loads((folder / "modules.json").read_text())
    modules[2] |= {"type": "sentence_transformers.models.Dense", "path": "2_Dense"}
    (folder / "modules.json").write_text(json.dumps(modules))
    facts = {"in_features": 8, "out_features": 4, "bias": False}
    (folder / "2_Dense" / "config.json").write_text(json.dumps(facts))
    weights = {"linear.weight": np.ones((4, 8), np.float32)}
    save_file(weights, folder / "2_Dense" / "model.safetensors")
    tensors = load_file(folder / "model.safetensors")  # with one that is kept, one that is not
    tensors |= {name: np.ones(8, np.float32) for name in ("pooler.dense.bias", "cls.bias")}
    save_file(tensors, folder / "model.safetensors")
    (folder / "vocab.txt").unlink()  # read by transformers, where there is no tokenizer.json
    return read_files(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "model"


def put(folder: Path, files: Files, before: Files) -> Files:
    """Make the folder hold these files, writing only what differs from before."""
    for name in before.keys() - files.keys():
        (folder / name).unlink()
    for name, content in files.items():
        if before.get(name) is not content:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return files


def check(folder: Path) -> str | None:
    """Load the folder; None if it went as it must, else what was wrong."""
    start = time.process_time()
    try:
        encoder, params = encoders.load(folder)
    except (ValueError, FileNotFoundError) as error:
        wrong = None if str(folder) in str(error) else f"the path is not named: {error!r}"
    except BaseException as error:
        wrong = f"an error of another kind: {error!r}"
    else:
        wrong = compare(folder, encoder, params)
    seconds = time.process_time() - start
    return f"it took {seconds:.1f} s" if wrong is None and seconds > SECONDS else wrong


def compare(folder: Path, encoder: encoders.Encoder, params: dict) -> str | None:
    """Compare parameters with what the safetensors library reads of the same files."""
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params)):
        return "a parameter is not finite"
    raw: dict[str, np.ndarray] = {}
    for path in folder.glob("model*.safetensors"):
        raw |= load_file(path)
    checkpoint = encoder.checkpoint
    table = checkpoint.family.tensor_table(checkpoint.config)
    for theirs, tensor in raw.items():
        leaf = table.get(checkpoint.family.canonical_name(theirs))
        if leaf is not None:
            found = params
            for key in leaf.path:
                found = found[key]
            if not np.array_equal(found.T if leaf.transpose else found, tensor.astype(np.float32)):
                return f"{theirs} is not what the file holds"
    return None


@pytest.mark.parametrize("first", range(0, CASES, CASES_A_TEST))
def test_a_hostile_folder_is_loaded_exactly_or_refused_by_path(
    files: Files, folder: Path, first: int
) -> None:
    before = put(folder, files, read_files(folder) if folder.exists() else {})
    assert check(folder) is None
    wrong = {}
    for seed in range(first, min(first + CASES_A_TEST, CASES)):
        before = put(folder, hostile(files, seed), before)
        if fault := check(folder):
            wrong[seed] = fault
    assert not wrong


def test_most_hostile_folders_are_refused_and_some_are_harmless(files: Files, folder: Path) -> None:
    before = put(folder, files, read_files(folder) if folder.exists() else {})
    refused = 0
    for seed in range(200):
        before = put(folder, hostile(files, seed), before)
        try:
            encoders.load(folder)
        except (ValueError, FileNotFoundError):
            refused += 1
    assert 100 < refused < 195


def make_bombs() -> dict[str, tuple[str, bytes]]:
    """Small files that ask for much: name to the file in the folder and its content."""
    empty = b'{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    huge = b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}'
    entries = {
        size: b",".join(b'"%d":%s' % (i, empty) for i in range(size)) for size in (30_000, 10**5)
    }
    headers = [b"{" + found + b"}" for found in entries.values()] + [huge]
    weights = [len(header).to_bytes(8, "little") + header + bytes(8) for header in headers]
    sizes = b'"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1000000000'
    layers = b'{"model_type": "bert", ' + sizes + b"}"
    pieces = b'{"version": "1.0", "model": {"vocab": [' + b"0," * 1_990_000 + b"0]}}"
    return {
        "header under the limit": ("model.safetensors", weights[0]),
        "header of 100,000 entries": ("model.safetensors", weights[1]),
        "huge shape": ("model.safetensors", weights[2]),
        "layers": ("config.json", layers),
        "many objects": ("tokenizer_config.json", b"[" + b"{}," * 1_390_000 + b"{}]"),
        "deep": ("1_Pooling/config.json", b"[" * 4_000_000),
        "tokens under the limit": ("tokenizer.json", pieces),
        "tokens": ("tokenizer.json", pieces.replace(b"0,", b"0,0,", 50_000)),
    }


LOAD_WITHIN_A_LIMIT = f"""
import resource, sys, time
from pathlib import Path
from bscl_jax import encoders
encoders.load(sys.argv[1])
pages = int(Path("/proc/self/statm").read_text().split()[0])
bytes_ = sum(path.stat().st_size for path in Path(sys.argv[2]).rglob("*") if path.is_file())
limit = pages * resource.getpagesize() + 2 * bytes_ + {MEGABYTES} * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
start = time.process_time()
try:
    encoders.load(sys.argv[2])
except ValueError as error:
    assert sys.argv[2] in str(error)
    assert len(str(error)) < 5000
    print(time.process_time() - start)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the address space are Linux's")
@pytest.mark.parametrize("bomb", make_bombs())
def test_a_small_file_that_asks_for_much_is_refused_within_time_and_memory(
    files: Files, tmp_path: Path, bomb: str
) -> None:
    name, content = make_bombs()[bomb]
    put(tmp_path / "valid", files, {})
    put(tmp_path / "bomb", {**files, name: content}, {})
    folders = [str(tmp_path / folder) for folder in ("valid", "bomb")]
    done = subprocess.run(
        [sys.executable, "-c", LOAD_WITHIN_A_LIMIT, *folders], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < SECONDS
