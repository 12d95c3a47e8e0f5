import shutil
from pathlib import Path

import jax
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bscl_jax import encoders

QUERY = "encoder.layer.1.attention.self.query.weight"


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def rewrite(folder: Path, change) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file(change(tensors), folder / "model.safetensors")


def assert_same_params(first, second) -> None:
    jax.tree.map(np.testing.assert_array_equal, first, second)


def test_missing_and_surplus_tensors_are_named_in_one_error(folder: Path) -> None:
    def change(tensors):
        tensors["encoder.layer.9.made.up"] = tensors.pop(QUERY)
        del tensors["embeddings.LayerNorm.bias"]
        return tensors

    rewrite(folder, change)
    with pytest.raises(ValueError) as caught:
        encoders.load(folder)
    message = str(caught.value)
    assert f"missing: embeddings.LayerNorm.bias, {QUERY};" in message
    assert "surplus: encoder.layer.9.made.up" in message
    assert str(folder / "model.safetensors") in message


def test_a_wrong_shape_is_named_with_both_shapes(folder: Path) -> None:
    rewrite(folder, lambda tensors: tensors | {QUERY: np.zeros((16, 15), np.float32)})
    with pytest.raises(ValueError, match=rf"{QUERY} \(16, 15\), the config says \(16, 16\)"):
        encoders.load(folder)


def test_a_tensor_of_whole_numbers_is_refused(folder: Path) -> None:
    rewrite(folder, lambda tensors: tensors | {QUERY: np.zeros((16, 16), np.int32)})
    with pytest.raises(ValueError, match=f"{QUERY} has type I32"):
        encoders.load(folder)


def test_a_tensor_that_is_kept_must_be_of_floats_too(folder: Path) -> None:
    rewrite(folder, lambda tensors: tensors | {"pooler.dense.bias": np.zeros(16, np.int8)})
    with pytest.raises(ValueError, match=r"pooler\.dense\.bias has type I8"):
        encoders.load(folder)


def test_a_tensor_under_two_names_is_refused(folder: Path) -> None:
    rewrite(folder, lambda tensors: tensors | {f"bert.{QUERY}": tensors[QUERY]})
    with pytest.raises(ValueError, match=r"named twice: .*query\.weight and .*query\.weight"):
        encoders.load(folder)


def test_names_of_pretraining_checkpoints_are_understood(small, folder: Path) -> None:
    def change(tensors):
        tensors = {
            "bert."
            + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ): tensor
            for name, tensor in tensors.items()
        }
        tensors["cls.predictions.bias"] = np.zeros(3, np.float32)
        tensors["bert.embeddings.position_ids"] = np.arange(64)[None]
        return tensors

    rewrite(folder, change)
    assert_same_params(encoders.load(folder)[1], small[1])


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16], ids=["float16", "bfloat16"])
def test_half_precision_files_become_float32(small, folder: Path, kind) -> None:
    rewrite(folder, lambda tensors: {name: tensor.astype(kind) for name, tensor in tensors.items()})
    _, params = encoders.load(folder)
    wanted = jax.tree.map(lambda leaf: np.asarray(leaf).astype(kind).astype(np.float32), small[1])
    assert_same_params(params, wanted)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype(np.float32)}


def test_scanned_parameters_are_the_stack_of_the_unrolled_ones(small, saved: Path) -> None:
    _, stacked = encoders.load(saved, scan_layers=True)
    assert stacked.keys() == {"embeddings", "layers"}
    for number in range(2):
        layer = jax.tree.map(lambda leaf, i=number: leaf[i], stacked["layers"])
        assert_same_params(layer, small[1][f"layer_{number}"])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_a_value_that_is_no_finite_float32_is_refused_by_the_name_of_its_tensor(
    folder: Path, value: float
) -> None:
    rewrite(folder, lambda tensors: tensors | {QUERY: np.full((16, 16), value)})
    with pytest.raises(ValueError, match=f"{QUERY} holds values that are not finite numbers"):
        encoders.load(folder)


def test_what_is_left_aside_is_named_with_its_reason(folder: Path) -> None:
    rewrite(folder, lambda tensors: tensors | {"cls.predictions.bias": np.zeros(3, np.float32)})
    ignored = encoders.load(folder)[0].checkpoint.ignored
    assert ignored == {"cls.predictions.bias": "head of the pre-training tasks"}


def test_a_cut_off_file_is_one_clear_error(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="is not a whole safetensors file"):
        encoders.load(folder)


def test_pickled_weights_are_never_read_and_the_remedy_is_named(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"found pytorch_model\.bin.*never from pickles"):
        encoders.load(folder)


def test_tensors_of_the_bare_model_are_carried_to_the_saved_folder(folder: Path) -> None:
    pooler = np.arange(16, dtype=np.float32)
    rewrite(folder, lambda tensors: tensors | {"bert.pooler.dense.bias": pooler})
    encoders.save(folder / "again", *encoders.load(folder))
    again = load_file(folder / "again" / "model.safetensors")
    np.testing.assert_array_equal(again["pooler.dense.bias"], pooler)


def test_parameters_of_another_encoder_are_refused_by_save(small, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"missing: .*surplus: encoder\."):
        encoders.save(tmp_path / "model", small[0], {"encoder": small[1]})
    wider = jax.tree.map(lambda leaf: np.pad(leaf, 1), small[1])
    with pytest.raises(ValueError, match="wrong shape: "):
        encoders.save(tmp_path / "wider", small[0], wider)
