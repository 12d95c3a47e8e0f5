"""Every family against transformers itself, both ways round.

Torch is not a dependency, so it runs in a Python of its own: this one if it has
sentence-transformers, else the one that BSCL_JAX_TORCH_PYTHON names.
"""

import json
import os
import subprocess
from pathlib import Path

import jax
import numpy as np
import pytest

from bscl_jax import encoders
from bscl_jax.types import TokenBatch
from tests.conftest import REPOSITORY
from tests.encoders.families import HEADS, write_folder
from tests.golden.families import VARIANTS
from tests.golden.reference import (
    HIDDEN_TOLERANCE,
    SmallModel,
    assert_same_as_reference,
    shapes_of,
)

TEXTS = ["How do I renew a book?", "a late fine", "the reading room closes at nine", ""]
RUN = """
import json, sys
import numpy as np, torch
from transformers import AutoModel, AutoTokenizer
for name in json.loads(sys.argv[2]):
    folder = f"{sys.argv[1]}/{name}"
    model, report = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"], report
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokens = tokenizer(json.loads(sys.argv[3]), padding=True, truncation=True, return_tensors="pt")
    tokens = {key: tokens[key] for key in ("input_ids", "attention_mask")}
    with torch.no_grad():
        hidden = model.eval()(**tokens).last_hidden_state
    np.savez(folder + ".npz", hidden=hidden, **tokens)
    model.save_pretrained(f"{sys.argv[1]}/theirs_{name}")
    tokenizer.save_pretrained(f"{sys.argv[1]}/theirs_{name}")
"""


def run_in_torch(python: str, *arguments: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([python, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def regenerated(torch_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("regenerated")
    script = REPOSITORY / "tests" / "golden" / "make_family_golden.py"
    run_in_torch(torch_python, str(script), str(folder))
    return folder


@pytest.fixture(scope="module")
def exported(torch_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our saved folder of each family, what transformers makes of it, and its own folder."""
    root = tmp_path_factory.mktemp("exported")
    for name in HEADS:
        encoders.save(root / name, *encoders.load(write_folder(root / f"hub_{name}", name)))
    run_in_torch(torch_python, "-c", RUN, str(root), json.dumps(list(HEADS)), json.dumps(TEXTS))
    return root


@pytest.mark.parametrize("variant", VARIANTS)
def test_hidden_states_and_gradients_are_those_of_transformers(
    regenerated: Path, variant: str, tmp_path: Path
) -> None:
    numbers = dict(np.load(regenerated / f"family_{variant}.npz"))
    model = SmallModel(variant, shapes_of(numbers), tmp_path)
    assert_same_as_reference(*model.run(), numbers)


@pytest.mark.parametrize("name", HEADS)
def test_transformers_reads_what_we_save_and_we_read_what_it_saves(
    exported: Path, name: str
) -> None:
    numbers = np.load(exported / f"{name}.npz")
    ids, mask = numbers["input_ids"].astype(np.int32), numbers["attention_mask"].astype(bool)
    for folder in (exported / name, exported / f"theirs_{name}"):
        encoder, params = encoders.load(folder)
        rows = encoder.tokenize(TEXTS)
        assert rows == [row[real].tolist() for row, real in zip(ids, mask, strict=True)]
        hidden = np.asarray(jax.jit(encoder.hidden_states)(params, TokenBatch(ids, mask)))
        np.testing.assert_allclose(
            hidden[mask], numbers["hidden"][mask], rtol=0, atol=HIDDEN_TOLERANCE
        )
