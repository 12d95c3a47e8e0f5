"""What a model card says of how to load the model, done."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bscl_jax import SentenceEncoder, encoders, export
from bscl_jax.reporting import model_card

TEXTS = ["a text", "another text"]
TOLERANCE = 1e-5


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_code_of_a_card_gives_our_vectors(
    pooling: str, torch_python: str, tmp_path: Path
) -> None:
    made = encoders.random(TEXTS, seed=0, hidden_size=16, pooling=pooling)
    card = model_card(
        title="A model",
        base_model="random weights",
        baseline={},
        test={"pairs/f1": 0.5},
        facts={},
        settings="",
        data="mrpc",
        threshold=0.5,
        pooling=pooling,
    )
    folder = tmp_path / "model"
    export.sentence_transformers(folder, *made, card=card)
    ours = SentenceEncoder.load(folder).encode(TEXTS)
    blocks = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    _, theirs, alike, plain = (
        block.replace("path/to/this/folder", str(folder)) for block in blocks
    )
    for script, further in ((theirs, alike), (plain, "alike = vectors[:1] @ vectors[1:].T >= 0.5")):
        save = f"import numpy as np\nnp.savez({str(tmp_path / 'found.npz')!r}, v=vectors, a=alike)"
        command = [torch_python, "-c", "\n".join((script, further, save))]
        subprocess.run(command, check=True, capture_output=True)
        found = np.load(tmp_path / "found.npz")
        np.testing.assert_allclose(found["v"], ours, rtol=0, atol=TOLERANCE)
        assert found["a"].tolist() == [[bool(ours[0] @ ours[1] >= 0.5)]]
