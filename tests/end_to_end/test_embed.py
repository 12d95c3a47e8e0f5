"""Files of texts in, files of vectors out."""

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import jax
import numpy as np
import pytest
from pyarrow import parquet

from bscl_jax import SentenceEncoder, encoders
from bscl_jax.cli import main
from bscl_jax.encoders._prompts import Prompts
from bscl_jax.evaluation import find_ranges, quantize
from tests.cli.conftest import USER_MISTAKE
from tests.conftest import REPOSITORY
from tests.data.formats import write_as

TEXTS = [f"may I renew {i} books{' or more' * (i % 7)}?" if i % 9 else "" for i in range(60)]
ROUNDING = 1e-6
"""Other batch shapes add in another order."""
SMALL = ("--chunk-size", "16", "--batch-size", "4")
STOPPED = 75


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, and the texts a line each."""
    folder = tmp_path_factory.mktemp("embed")
    encoders.save(folder / "model", *encoders.random(TEXTS, seed=0, hidden_size=16, num_layers=1))
    (folder / "texts.txt").write_text("".join(f"{text}\n" for text in TEXTS))
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> SentenceEncoder:
    return SentenceEncoder.load(folder / "model", devices=1)


@pytest.fixture
def quick(model: SentenceEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the model once for all: compiling it again takes most of the time of a test."""
    monkeypatch.setattr(SentenceEncoder, "load", lambda *a, **k: model)


@pytest.fixture
def embed(folder: Path, quick: None, tmp_path: Path):
    def start(*options: str, output: Path = tmp_path / "a.npy", texts: Path | None = None) -> int:
        return main(arguments(folder, output, *options, texts=texts))

    return start


def arguments(folder: Path, output: Path, *options: str, texts: Path | None = None) -> list[str]:
    files = ["--input", str(texts or folder / "texts.txt"), "--output", str(output)]
    return ["embed", "--model", str(folder / "model"), *files, *options]


def test_each_row_is_the_vector_of_its_line(embed, model, tmp_path, capsys):
    assert embed(*SMALL) == 0
    vectors = np.load(tmp_path / "a.npy")
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, model.encode(TEXTS), rtol=0, atol=ROUNDING)
    out, err = capsys.readouterr()
    assert out.startswith("embedded 60 texts, 16 features, ")
    assert out.endswith(f" texts/s: {tmp_path / 'a.npy'}\n")
    assert err.splitlines() == [f"{done} of 60 texts" for done in (16, 32, 48, 60)]


@pytest.mark.parametrize(
    ("options", "prompt"),
    [(("--prompt-name", "document"), "read: "), (("--prompt", "ask: "), "ask: "), ((), "")],
)
def test_a_prompt_stands_before_every_text(
    options, prompt, folder, model, monkeypatch, tmp_path, capsys
):
    encoder = dataclasses.replace(model.encoder, prompts=Prompts({"document": "read: "}))
    asking = SentenceEncoder(encoder, model.params, devices=1)
    monkeypatch.setattr(SentenceEncoder, "load", lambda *a, **k: asking)
    output = tmp_path / "a.npy"
    assert main(arguments(folder, output, *options)) == 0
    np.testing.assert_allclose(np.load(output), asking.encode(TEXTS, prompt=prompt), atol=ROUNDING)
    assert not prompt or not np.allclose(np.load(output), asking.encode(TEXTS), atol=1e-3)
    again = arguments(folder, output, "--resume", "--prompt", "another: ")
    assert main(again) == USER_MISTAKE
    assert "prompt was" in capsys.readouterr().err


def test_a_prompt_that_the_model_has_not_got_is_refused(embed, capsys):
    assert embed("--prompt-name", "nobody") == USER_MISTAKE
    assert "prompt_name must be one of" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["csv.gz", "parquet"])
def test_a_column_of_a_table_is_embedded(embed, model, tmp_path, suffix):
    texts = write_as(suffix, tmp_path, "texts", {"id": range(60), "question": TEXTS})
    assert embed("--column", "question", output=tmp_path / "a.parquet", texts=texts) == 0
    rows = parquet.read_table(tmp_path / "a.parquet").column("embedding").to_pylist()
    np.testing.assert_allclose(rows, model.encode(TEXTS), rtol=0, atol=ROUNDING)


def test_options_are_those_of_encode(embed, model, tmp_path):
    options = ("--truncate-dim", "12", "--normalize", "--dtype", "binary")
    assert embed(*options, *SMALL) == 0
    expected = model.encode(TEXTS, truncate_dim=12, normalize=True, dtype="binary")
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), expected)


def test_whole_numbers_take_the_ranges_of_the_first_texts_and_keep_them(
    embed, model, tmp_path, monkeypatch
):
    monkeypatch.setattr("bscl_jax.cli._embed_facts.CALIBRATING", 20)
    assert embed("--dtype", "int8", "--no-normalize", *SMALL) == 0
    floats = model.encode(TEXTS, normalize=False)
    facts = json.loads((tmp_path / "a.npy.json").read_text())
    np.testing.assert_allclose(facts["ranges"], find_ranges(floats[:20]), atol=ROUNDING)
    expected = quantize(floats, "int8", ranges=np.array(facts["ranges"]))
    found = np.load(tmp_path / "a.npy")
    assert found.dtype == np.int8
    assert np.abs(found.astype(int) - expected).max() <= 1  # rounding may cross one step
    assert np.mean(found == expected) > 0.99


@pytest.mark.parametrize("kind", ["npy", "json"])
def test_ranges_of_other_vectors_can_be_given(embed, model, tmp_path, kind):
    ranges = find_ranges(model.encode(TEXTS[:30]))
    path = tmp_path / f"ranges.{kind}"
    if kind == "npy":
        np.save(path, ranges)
    else:
        path.write_text(json.dumps({"ranges": ranges.tolist()}))
    assert embed("--dtype", "uint8", "--ranges", str(path)) == 0
    facts = json.loads((tmp_path / "a.npy.json").read_text())
    np.testing.assert_array_equal(np.float32(facts["ranges"]), ranges)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.npy", b"no array"), ("b.npy", b""), ("a.json", b'{"ranges": null}'), ("b.json", b"[]")],
)
def test_a_file_without_ranges_is_named(embed, tmp_path, capsys, name, content):
    (tmp_path / name).write_bytes(content)
    options = ("--dtype", "int8", "--ranges", str(tmp_path / name))
    assert embed(*options, output=tmp_path / "vectors.npy") == USER_MISTAKE
    said = " ".join(capsys.readouterr().err.split())
    assert f"{name} has none; name a .npy file of shape (2, d)" in said


def test_devices_share_the_work_to_the_same_vectors(folder, model, tmp_path):
    assert main(arguments(folder, tmp_path / "a.npy", "--devices", "8")) == 0
    vectors = np.load(tmp_path / "a.npy")
    np.testing.assert_allclose(vectors, model.encode(TEXTS), rtol=0, atol=ROUNDING)


def test_neither_texts_nor_vectors_are_in_memory_as_a_whole(embed, model, tmp_path, monkeypatch):
    count = 20_000
    (tmp_path / "texts.txt").write_text(
        "a text of fifty characters, no more and no less.\n" * count
    )
    vectors = np.ones((100, 16), np.float32)
    monkeypatch.setattr(model, "encode", lambda texts, **_: vectors[: len(texts)])
    monkeypatch.setattr("os.fsync", lambda file: None)
    import bscl_jax.cli._embed  # noqa: F401  what it imports is not to be counted

    tracemalloc.start()
    status = embed("--chunk-size", "100", texts=tmp_path / "texts.txt")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert status == 0
    assert peak < 500_000  # the texts are 1 MB, the vectors 1.3
    assert np.load(tmp_path / "a.npy").shape == (count, 16)


# Interrupted


@pytest.mark.parametrize("suffix", ["npy", "parquet"])
def test_stopped_by_a_signal_it_goes_on_to_the_same_bytes(
    embed, model, tmp_path, monkeypatch, capsys, suffix
):
    assert embed(*SMALL, output=tmp_path / f"whole.{suffix}") == 0
    output = tmp_path / f"a.{suffix}"
    encode = model.encode
    with monkeypatch.context() as patch:
        patch.setattr(model, "encode", lambda *a, **k: terminated(encode(*a, **k)))
        assert embed(*SMALL, output=output) == STOPPED
    assert not output.exists()
    assert "stopped after 16 of 60 texts; the same command with --resume" in capsys.readouterr().err
    seen: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(model, "encode", lambda texts, **k: seen.extend(texts) or encode(texts, **k))
        assert embed(*SMALL, "--resume", output=output) == 0
    assert seen == TEXTS[16:]
    assert output.read_bytes() == (tmp_path / f"whole.{suffix}").read_bytes()


def terminated(vectors: np.ndarray) -> np.ndarray:
    if len(vectors):
        os.kill(os.getpid(), signal.SIGTERM)
    return vectors


def test_killed_at_random_chunks_it_goes_on_to_the_same_bytes(folder, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"{text}\n" for text in TEXTS * 20))
    options = ("--chunk-size", "4", "--devices", "1")
    assert main(arguments(folder, tmp_path / "whole.npy", *options, texts=texts)) == 0
    command = arguments(folder, tmp_path / "a.npy", *options, "--resume", texts=texts)
    place = random.Random(0)
    for least in (place.randrange(20, 200), place.randrange(220, 400)):
        kill_after(command, least, tmp_path / "a.npy.part.json")
        assert not (tmp_path / "a.npy").exists()
    assert main(command) == 0
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def kill_after(command: list[str], rows: int, state: Path) -> None:
    """Start the command in a process of its own, and kill it once so many rows are safe."""
    cache = {"JAX_COMPILATION_CACHE_DIR": str(jax.config.jax_compilation_cache_dir)}
    code = f"from bscl_jax.cli import main; main({command!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env=os.environ | cache,
        stderr=subprocess.DEVNULL,
    )
    while not state.exists() or json.loads(state.read_text())["rows"] < rows:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    process.kill()
    process.wait()


def test_a_finished_file_is_left_as_it_is(embed, tmp_path, capsys):
    assert embed() == 0
    before = (tmp_path / "a.npy").stat()
    assert embed() == USER_MISTAKE
    assert f"{tmp_path / 'a.npy'} exists; name another file" in capsys.readouterr().err
    assert embed("--resume") == 0
    assert "finished before" in capsys.readouterr().out
    assert (tmp_path / "a.npy").stat() == before
    assert embed("--overwrite", "--dtype", "float16") == 0
    assert np.load(tmp_path / "a.npy").dtype == np.float16


def test_an_unfinished_file_is_not_begun_anew_without_being_told(
    embed, model, tmp_path, monkeypatch, capsys
):
    with monkeypatch.context() as patch:
        patch.setattr("bscl_jax.cli._embed.cut_chunks", lambda texts, most: [])
        embed()
    assert embed() == USER_MISTAKE
    assert "a.npy is unfinished; go on with --resume, or start anew" in capsys.readouterr().err
    assert embed("--resume", "--batch-size", "8", "--truncate-dim", "3") == USER_MISTAKE
    message = capsys.readouterr().err
    assert "batch_size was 64, is 8; truncate_dim was None, is 3" in message
    assert embed("--overwrite") == 0


def test_other_texts_or_weights_are_not_gone_on_with(embed, model, tmp_path, capsys, monkeypatch):
    texts = tmp_path / "texts.txt"
    texts.write_text("renew?\nopening hours\n")
    assert embed(texts=texts) == 0
    texts.write_text("renew?\nopening time\n")
    assert embed("--resume", texts=texts) == USER_MISTAKE
    assert "was started otherwise (texts was '" in capsys.readouterr().err
    texts.write_text("renew?\nopening hours\n")
    other = jax.tree.map(lambda leaf: leaf * 1.5, model.params)
    monkeypatch.setattr(model, "params", other)
    assert embed("--resume", texts=texts) == USER_MISTAKE
    assert "was started otherwise (weights was '" in capsys.readouterr().err


# Refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dtype", "int4"], "dtype must be one of float32, float16, int8"),
        (["--ranges", "a.npy"], "--ranges belongs to int8 and uint8, --dtype was float32"),
        (["--column", "text"], "a .txt file has no columns; leave 'text' out"),
        (["--truncate-dim", "17"], "truncate_dim must be from 1 to 16"),
        (["--input", "none.txt"], "none.txt: no such file"),
        (["--output", "a.csv"], "--output a.csv: the suffix must be .npy or .parquet"),
    ],
)
def test_a_mistake_is_one_message_and_no_file(embed, tmp_path, capsys, options, message):
    assert embed(*options) == USER_MISTAKE
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_in_the_last_row_is_found_before_the_model_is_loaded(
    embed, tmp_path, capsys, monkeypatch
):
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"text": "a"}\n{"text": 1}\n{"question": "b"}\n')
    monkeypatch.setattr(SentenceEncoder, "load", None)
    assert embed(texts=texts) == USER_MISTAKE
    assert (
        "texts.jsonl, line 3, column 'text': the object lacks this key" in capsys.readouterr().err
    )


def test_a_file_without_texts_is_refused(embed, tmp_path, capsys):
    (tmp_path / "none.txt").write_text("")
    assert embed(texts=tmp_path / "none.txt") == USER_MISTAKE
    assert "none.txt: the file has no texts" in capsys.readouterr().err


def test_the_input_is_not_written_over(embed, tmp_path, capsys):
    texts = write_as("parquet", tmp_path, "a", {"text": TEXTS})
    before = texts.read_bytes()
    assert embed("--overwrite", output=texts, texts=texts) == USER_MISTAKE
    assert "is the input; name another file" in capsys.readouterr().err
    assert texts.read_bytes() == before
