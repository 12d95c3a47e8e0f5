"""examples/to_onnx.py, where PyTorch and ONNX Runtime are installed."""

import re
import subprocess
from pathlib import Path

import pytest

from bscl_jax import encoders, export
from tests.conftest import REPOSITORY


def test_onnx_gives_the_vectors_of_sentence_transformers(torch_python: str, tmp_path: Path) -> None:
    found = subprocess.run([torch_python, "-c", "import onnxruntime, onnxscript"], check=False)
    if found.returncode:
        pytest.skip("needs onnxruntime and onnxscript beside sentence-transformers")
    made = encoders.random(["how to renew a book", "may I renew it twice?"], seed=0)
    export.sentence_transformers(tmp_path / "model", *made, card="# An encoder")
    command = [torch_python, REPOSITORY / "examples" / "to_onnx.py", "model", "model.onnx"]
    said = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    errors = re.findall(r"(\d) texts: differs .* by (\S+) at most", said)
    assert [int(count) for count, _ in errors] == [2, 1]
    assert max(float(error) for _, error in errors) < 1e-6
