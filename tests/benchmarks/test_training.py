"""The measurement of training steps, at toy sizes."""

import json
import os
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bscl_jax import encoders
from tests.benchmarks.scripts import BENCHMARKS, run
from tests.conftest import REPOSITORY

SMOKE = ["--config", REPOSITORY / "configs" / "smoke.yaml", "--set", "encoder.hidden_size=8"]
SIZES = ["--batch-size", "16", "--steps", "1", "--rounds", "2"]


@pytest.fixture
def scripts(monkeypatch):
    """Makes what the scripts import importable."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_packed_batches_compute_less_padding_than_padded_ones(tmp_path: Path):
    out = tmp_path / "training.json"
    printed = run("training.py", *SMOKE, *SIZES, "--set", "training.num_shapes=4", "--out", out)
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert rows["packed"]["real"] > 1.1 * rows["padded"]["real"]
    assert rows["packed"]["wall s"] > 0
    assert "packed, the config's, takes so many times the pairs of padded: " in printed
    assert "sentence-transformers" not in printed


@pytest.mark.slow
def test_every_contender_starts_from_the_same_loss(tmp_path: Path):
    pythons = {
        "--torch-python": os.environ.get("BSCL_JAX_TORCH_PYTHON"),
        "--representax-python": os.environ.get("BSCL_JAX_REPRESENTAX_PYTHON"),
    }
    given = [part for option, python in pythons.items() if python for part in (option, python)]
    if not given:
        pytest.skip(
            "needs sentence-transformers or representax: set BSCL_JAX_TORCH_PYTHON or "
            "BSCL_JAX_REPRESENTAX_PYTHON to a Python with it"
        )
    out = tmp_path / "training.json"
    printed = run("training.py", *SMOKE, *SIZES, "--fixed-length", 24, *given, "--out", out)
    assert "loss of the first batch without dropout" in printed
    report = json.loads(out.read_text(encoding="utf-8"))
    assert len(report["rows"]) == 2 + 2 * ("--torch-python" in given) + (
        "--representax-python" in given
    )
    assert all(len(rounds) == 2 for rounds in report["rounds"].values())
    assert all(row["wall s"] > 0 for row in report["rows"].values())
    assert report["rows"]["padded"]["real"] > 0.99


def test_texts_are_filled_up_to_a_length_with_those_that_follow(scripts):
    from training_pairs import fill

    texts = ["a b", "c", "d e f"]
    encoder, _ = encoders.random(texts, seed=0, max_length=9)
    filled = fill(texts, encoder, 9)
    assert filled == ["a b c d e f a b", "c d e f a b c", "d e f a b c d e f"]
    assert [len(ids) for ids in encoder.tokenize(filled)] == [9, 9, 9]


def test_losses_that_are_not_the_same_end_the_measurement(scripts, capsys):
    import training

    class Pretender:
        def __init__(self, loss: float) -> None:
            self.facts = {"loss": loss}

        def run(self, steps: int) -> dict[str, float]:
            raise NotImplementedError

    training.check_agreement({"one": Pretender(1.0), "other": Pretender(1.000009)})
    assert "one 1.000000, other 1.000009; 9.0e-06 apart" in capsys.readouterr().out
    for wrong in (1.000011, float("nan")):
        with pytest.raises(SystemExit, match="DISAGREES"):
            training.check_agreement({"one": Pretender(1.0), "other": Pretender(wrong)})


def test_a_peer_takes_as_many_steps_as_it_is_asked_for(scripts, tmp_path: Path):
    from training_contenders import Peer

    script, count = tmp_path / "peer.py", tmp_path / "count"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r})\n"
        "from pathlib import Path; from training_pace import Pace\n"
        "pace, taken = Pace(loss=0.5), 0\n"
        "while True:\n"
        "    print('a library that prints'); taken += 1\n"
        f"    Path({str(count)!r}).write_text(str(taken))\n"
        "    if not pace.after_step() or taken == 6: break\n"
    )
    with closing(Peer(sys.executable, str(script))) as peer:
        assert peer.facts == {"loss": 0.5}
        assert count.read_text() == "1"
        assert peer.run(3)["wall s"] > 0
        assert count.read_text() == "4"
        with pytest.raises(SystemExit, match="has ended"):
            peer.run(5)
    assert count.read_text() == "6"
