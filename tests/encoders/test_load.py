import json
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from bscl_jax import encoders
from bscl_jax.types import TokenBatch


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def change_json(path: Path, **facts) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def set_modules(folder: Path, *types: str) -> None:
    paths = ["", "1_Pooling", "2_Normalize", "3_Other"]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": kind}
        for i, (kind, path) in enumerate(zip(types, paths, strict=False))
    ]
    (folder / "modules.json").write_text(json.dumps(modules))


def test_save_and_load_give_back_the_same_bits_and_facts(small, saved: Path) -> None:
    encoder, params = encoders.load(saved)
    assert jax.tree.structure(params) == jax.tree.structure(small[1])
    jax.tree.map(np.testing.assert_array_equal, params, small[1])
    for fact in ("pad_id", "dimension", "max_length", "normalize", "pooling"):
        assert getattr(encoder, fact) == getattr(small[0], fact)
    assert encoder.checkpoint.config == small[0].checkpoint.config


def test_a_loaded_encoder_gives_the_same_embeddings(small, saved: Path, batch: TokenBatch) -> None:
    encoder, params = encoders.load(saved)
    wanted = small[2](small[1], batch)
    np.testing.assert_array_equal(jax.jit(encoder.apply)(params, batch), wanted)


@pytest.mark.parametrize("pooling", ["max", ("cls", "weightedmean"), ("mean", "cls")])
def test_pooling_and_normalization_survive_a_round_trip(tmp_path: Path, pooling) -> None:
    made = encoders.random(["a book"], seed=0, hidden_size=8, pooling=pooling, normalize=False)
    encoders.save(tmp_path / "model", *made)
    encoder, _ = encoders.load(tmp_path / "model")
    assert (encoder.pooling, encoder.normalize) == (pooling, False)
    assert encoder.dimension == (8 if isinstance(pooling, str) else 16)


def test_scanned_parameters_are_saved_as_unrolled_ones(small, saved: Path, tmp_path: Path) -> None:
    encoders.save(tmp_path / "model", *encoders.load(saved, scan_layers=True))
    one, other = ((folder / "model.safetensors") for folder in (saved, tmp_path / "model"))
    assert one.read_bytes() == other.read_bytes()


def test_saved_weights_are_as_readable_as_the_config(saved: Path) -> None:
    modes = {path.stat().st_mode for path in saved.glob("*.*") if path.is_file()}
    assert len(modes) == 1


def test_save_refuses_a_folder_with_something_in_it(small, saved: Path) -> None:
    with pytest.raises(FileExistsError, match="must be a new or empty folder"):
        encoders.save(saved, small[0], small[1])


def test_arguments_override_what_the_folder_says(saved: Path) -> None:
    encoder, _ = encoders.load(saved, pooling="cls", max_length=10)
    assert (encoder.pooling, encoder.max_length) == ("cls", 10)


def test_the_source_names_the_folder(saved: Path) -> None:
    assert encoders.load(saved)[0].source == f"local folder {saved}"
    assert encoders.load(str(saved))[0].source == f"local folder {saved}"


def test_a_plain_folder_is_pooled_by_the_mean_and_not_normalized(folder: Path) -> None:
    (folder / "modules.json").unlink()
    encoder, _ = encoders.load(folder)
    assert (encoder.pooling, encoder.normalize, encoder.max_length) == ("mean", False, 64)


@pytest.mark.parametrize("family", ["bert", "modernbert"])
def test_more_layers_than_the_weights_have_are_refused_before_they_are_listed(
    folder: Path, family: str
) -> None:
    change_json(folder / "config.json", model_type=family, num_hidden_layers=10**12)
    with pytest.raises(ValueError, match=r"config\.json says that there are 1000000000000 layers"):
        encoders.load(folder)


@pytest.mark.parametrize("value", ["1e999", "1" + "0" * 400, "NaN"])
def test_a_number_beyond_float32_is_refused(folder: Path, value: str) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text().replace("{", f'{{"further": {value},', 1))
    with pytest.raises(
        ValueError, match=r"config\.json: further is .*, beyond the range of float32"
    ):
        encoders.load(folder)


def test_the_newest_layout_of_sentence_transformers_is_read(folder: Path) -> None:
    set_modules(
        folder,
        "sentence_transformers.base.modules.transformer.Transformer",
        "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
    )
    (folder / "1_Pooling" / "config.json").write_text(
        '{"embedding_dimension": 16, "pooling_mode": "max", "include_prompt": true}'
    )
    (folder / "sentence_bert_config.json").write_text('{"transformer_task": "feature-extraction"}')
    change_json(folder / "tokenizer_config.json", model_max_length=33)
    encoder, _ = encoders.load(folder)
    assert (encoder.pooling, encoder.normalize, encoder.max_length) == ("max", False, 33)


def test_a_transformer_in_a_subfolder_is_found(folder: Path) -> None:
    inner = folder / "0_Transformer"
    inner.mkdir()
    for path in list(folder.iterdir()):
        if path.is_file() and path.name != "modules.json":
            path.rename(inner / path.name)
    change = json.loads((folder / "modules.json").read_text())
    change[0]["path"] = "0_Transformer"
    (folder / "modules.json").write_text(json.dumps(change))
    assert encoders.load(folder)[0].max_length == 64


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"model_type": "gpt2"}, "model_type 'gpt2' is not supported; supported: bert, roberta, "),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type must be 'absolute'"),
        ({"is_decoder": True}, "is_decoder must be False"),
        (
            {"hidden_act": "mish", "layer_norm_eps": 0},
            "layer_norm_eps must be > 0.*hidden_act must",
        ),
    ],
)
def test_a_config_that_cannot_be_followed_is_refused_with_its_path(
    folder: Path, facts: dict, message: str
) -> None:
    change_json(folder / "config.json", **facts)
    with pytest.raises(ValueError, match=rf"config\.json: .*{message}"):
        encoders.load(folder)


@pytest.mark.parametrize("length", [2, 65])
def test_a_length_out_of_range_is_refused(saved: Path, length: int) -> None:
    with pytest.raises(ValueError, match=f"max_length must be from 3 .*to 64 .*was {length}"):
        encoders.load(saved, max_length=length)


def test_a_length_of_the_files_that_leaves_no_token_is_refused_by_path(folder: Path) -> None:
    change_json(folder / "sentence_bert_config.json", max_seq_length=2)
    with pytest.raises(ValueError, match=f"{folder} say that a text has at most 2 tokens; 3 are"):
        encoders.load(folder)
    assert encoders.load(folder, max_length=5)[0].max_length == 5


def test_a_damaged_config_is_named_with_line_and_column(folder: Path) -> None:
    (folder / "config.json").write_text('{\n  "model_type": bert}')
    with pytest.raises(ValueError, match=r"config\.json is not JSON: .* line 2, column 17"):
        encoders.load(folder)


def test_a_folder_without_a_config_is_no_model_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no model folder: it has no config\.json"):
        encoders.load(tmp_path)


def test_loading_needs_neither_transformers_nor_torch(saved: Path) -> None:
    code = (
        "import sys; from bscl_jax import encoders; "
        f"encoders.load({str(saved)!r}); print({{'transformers', 'torch'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
