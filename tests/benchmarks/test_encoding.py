"""The measurement of encoding, at toy sizes."""

import json
from pathlib import Path

from bscl_jax import encoders, export
from tests.benchmarks.scripts import run


def test_ours_alone_is_measured(tmp_path: Path):
    texts = [f"a text of {number} words" for number in range(12)]
    lines = ["sentence1\tsentence2\tlabel", *(f"{text}\t{text}?\t1" for text in texts)]
    (tmp_path / "stsb").mkdir()
    (tmp_path / "stsb" / "train.tsv").write_text("\n".join(lines), encoding="utf-8")
    encoder, params = encoders.random(texts, seed=0)
    export.sentence_transformers(tmp_path / "tiny", encoder, params, card="# tiny")
    out = tmp_path / "encoding.json"
    options = ["--data", tmp_path, "--model", tmp_path / "tiny", "--rounds", "2", "--out", out]
    printed = run("encoding.py", *options)
    (row,) = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert row["contender"] == "ours"
    assert row["least cosine"] == "1.00000000"
    assert "texts/s" in printed
