import importlib.metadata
import json
from pathlib import Path

import jax
import numpy as np
import pytest

import bscl_jax
from bscl_jax import SentenceEncoder, encoders, export

CARD = "---\nlicense: apache-2.0\n---\n# An encoder for the library — naïve\n"


@pytest.fixture(scope="module")
def made():
    return encoders.random(["how to renew a book"], seed=0, hidden_size=16)


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "model"
    export.sentence_transformers(folder, *made, card=CARD, temperature=0.05, threshold=0.6)
    return folder


def read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_folder_is_complete(folder: Path) -> None:
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "1_Pooling/config.json",
        "2_Normalize/config.json",
        "README.md",
        "bscl_jax.json",
        "config.json",
        "config_sentence_transformers.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    }


def test_load_reads_it_back_bit_for_bit(made, folder: Path) -> None:
    encoder, params = encoders.load(folder)
    jax.tree.map(np.testing.assert_array_equal, params, made[1])
    facts = (encoder.pooling, encoder.normalize, encoder.max_length, encoder.pad_id)
    assert facts == ("mean", True, 64, 0)


def test_what_training_found_is_written_beside_the_model(folder: Path) -> None:
    facts = read(folder / "bscl_jax.json")
    assert (facts["temperature"], facts["threshold"]) == (0.05, 0.6)
    assert facts["bscl_jax"] == bscl_jax.__version__


def test_a_library_that_is_not_installed_can_write_it(
    made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", nowhere)
    export.sentence_transformers(tmp_path / "model", *made, card=CARD)
    assert (tmp_path / "model" / "bscl_jax.json").is_file()


def test_what_training_found_is_read_back(folder: Path, tmp_path: Path) -> None:
    assert export.read_facts(folder) == (0.05, 0.6)
    assert SentenceEncoder.load(folder).threshold == 0.6
    assert export.read_facts(tmp_path) == (None, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "Expecting property name"),
        ("{}", "'temperature'"),
        ("[]", "list indices"),
        ('{"temperature": null, "threshold": 7}', "threshold must be a cosine"),
        ('{"temperature": "warm", "threshold": null}', "not supported between"),
    ],
)
def test_a_damaged_file_is_named(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "bscl_jax.json").write_text(text)
    with pytest.raises(ValueError, match=rf"bscl_jax\.json cannot be read \(.*{problem}"):
        export.read_facts(tmp_path)


def test_the_card_is_the_one_given(folder: Path) -> None:
    assert (folder / "README.md").read_text(encoding="utf-8") == CARD


def test_similarity_is_cosine_and_length_is_the_encoders(folder: Path) -> None:
    assert read(folder / "config_sentence_transformers.json")["similarity_fn_name"] == "cosine"
    assert read(folder / "sentence_bert_config.json")["max_seq_length"] == 64
    assert read(folder / "tokenizer_config.json")["model_max_length"] == 64


def test_without_normalization_there_is_no_normalize_module(tmp_path: Path) -> None:
    made = encoders.random(["a book"], seed=0, hidden_size=16, normalize=False)
    export.sentence_transformers(tmp_path / "model", *made, card=CARD)
    assert len(read(tmp_path / "model" / "modules.json")) == 2
    assert not (tmp_path / "model" / "2_Normalize").exists()


def test_an_earlier_export_is_replaced(made, tmp_path: Path) -> None:
    for temperature in (0.1, 0.2):
        export.sentence_transformers(
            tmp_path / "model", *made, card=CARD, temperature=temperature
        )  # fmt: skip
    assert read(tmp_path / "model" / "bscl_jax.json")["temperature"] == 0.2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"card": " "}, "card must hold the text of the model card"),
        ({"temperature": 0.0}, r"temperature must be > 0 and finite, was 0\.0"),
        ({"temperature": float("nan")}, "temperature must be > 0 and finite, was nan"),
        ({"threshold": 1.5}, r"threshold must be a cosine in \[-1, 1\], was 1\.5"),
    ],
)
def test_an_argument_out_of_range_is_refused_and_nothing_is_written(
    made, tmp_path: Path, options: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        export.sentence_transformers(tmp_path / "model", *made, **{"card": CARD, **options})
    assert list(tmp_path.iterdir()) == []


def test_parameters_that_do_not_fit_leave_nothing_behind(made, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not fit the encoder"):
        export.sentence_transformers(tmp_path / "model", made[0], {"encoder": made[1]}, card=CARD)
    assert list(tmp_path.iterdir()) == []
