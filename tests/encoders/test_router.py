"""Two encoders in one folder."""

from pathlib import Path

import jax
import numpy as np
import pytest

from bscl_jax import encoders


@pytest.fixture(scope="module")
def other():
    return encoders.random(["a late book"], seed=3, num_layers=1, hidden_size=8, pooling="cls")


@pytest.fixture(scope="module")
def wider(other):
    return encoders.add_projection(*other, out_features=16, seed=0)


def test_each_route_loads_to_the_same_bits(small, wider, tmp_path: Path) -> None:
    encoders.save_router(tmp_path / "model", small[:2], wider)
    routes = encoders.find_routes(tmp_path / "model")
    assert routes == (tmp_path / "model" / "query", tmp_path / "model" / "document")
    for folder, (encoder, params) in zip(routes, (small[:2], wider), strict=True):
        found, loaded = encoders.load(folder)
        assert (found.pooling, found.dense) == (encoder.pooling, encoder.dense)
        jax.tree.map(np.testing.assert_array_equal, loaded, params)


def test_the_whole_is_refused_with_the_folders_to_load(small, tmp_path: Path) -> None:
    encoders.save_router(tmp_path / "model", small[:2], small[:2])
    message = r"model holds an encoder for queries and one for documents; load its folder query or"
    with pytest.raises(ValueError, match=message):
        encoders.load(tmp_path / "model")


def test_towers_of_unlike_embeddings_are_refused_and_nothing_is_written(
    small, other, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="as many features, had 16 and 8; see add_projection"):
        encoders.save_router(tmp_path / "model", small[:2], other)
    assert not (tmp_path / "model").exists()


def test_a_folder_that_holds_something_is_left_alone(small, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="must be a new or empty folder"):
        encoders.save_router(tmp_path, small[:2], small[:2])
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_an_ordinary_folder_has_no_routes(saved: Path) -> None:
    assert encoders.find_routes(saved) is None
