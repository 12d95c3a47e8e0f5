import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bscl_jax import encoders

PARTS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """The tiny encoder with its weights in two parts, as transformers writes them."""
    folder = Path(shutil.copytree(saved, tmp_path / "model"))
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    places = {name: PARTS[position % 2] for position, name in enumerate(sorted(tensors))}
    for part in PARTS:
        mine = {name: tensor for name, tensor in tensors.items() if places[name] == part}
        save_file(mine, folder / part)
    write_index(folder, places)
    return folder


def write_index(folder: Path, places: dict) -> None:
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def read_places(folder: Path) -> dict:
    return json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]


def test_parts_give_the_same_bits_as_one_file(small, folder: Path) -> None:
    jax.tree.map(np.testing.assert_array_equal, encoders.load(folder)[1], small[1])


def test_a_part_that_is_not_there_is_named(folder: Path) -> None:
    (folder / PARTS[1]).unlink()
    with pytest.raises(FileNotFoundError, match=f"names {PARTS[1]}, but .* does not exist"):
        encoders.load(folder)


def test_a_part_with_a_tensor_that_the_index_does_not_give_it_is_refused(folder: Path) -> None:
    places = read_places(folder)
    write_index(folder, places | {"embeddings.LayerNorm.bias": PARTS[1]})
    assert places["embeddings.LayerNorm.bias"] == PARTS[0]
    with pytest.raises(ValueError, match=r"does not hold just the tensors .*LayerNorm\.bias"):
        encoders.load(folder)


@pytest.mark.parametrize("part", ["../other.safetensors", "/etc/passwd", "a/b.safetensors", 7])
def test_an_index_that_leaves_the_folder_is_refused(folder: Path, part) -> None:
    write_index(folder, dict.fromkeys(read_places(folder), part))
    with pytest.raises(ValueError, match="which is no safetensors file beside it"):
        encoders.load(folder)


def test_an_index_without_a_weight_map_is_refused(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(ValueError, match="must have a weight_map"):
        encoders.load(folder)


def test_a_header_larger_than_any_encoder_needs_is_refused(saved: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(saved, tmp_path / "model"))
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    header = json.dumps({f"tensor.{number}": empty for number in range(100_000)}).encode()
    file = len(header).to_bytes(8, "little") + header
    (folder / "model.safetensors").write_bytes(file)
    with pytest.raises(ValueError, match=r"has a header of .* bytes, at most 2,097,152 are read"):
        encoders.load(folder)
