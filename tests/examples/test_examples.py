"""The example scripts run and print what they promise."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from bscl_jax import data, encoders

EXAMPLES = Path(__file__).parents[2] / "examples"
# float32, and the order of the sums differs between one device and many.
LARGEST_DIFFERENCE = 1e-6


def run(name: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def numbers(pattern: str, text: str) -> list[float]:
    return [float(number) for number in re.findall(pattern + r" ([-+.e0-9]+)", text)]


@pytest.mark.parametrize("name", ["loss_in_linen.py", "loss_in_nnx.py"])
def test_a_flax_module_learns_with_the_loss(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = run(name, capsys)
    (before,) = numbers("loss before training:", text)
    (after,) = numbers(r"loss after \d+ steps:", text)
    assert after < before / 2


def test_an_encoder_learns_without_the_trainer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = data.load_task("library_desk").train
    texts = [*pairs.queries, *pairs.targets]
    encoders.save(tmp_path / "model", *encoders.random(texts, seed=0, max_length=64))
    text = run("finetune_encoder.py", capsys, str(tmp_path / "model"))
    (before,) = numbers("loss before training:", text)
    (after,) = numbers(r"loss after \d+ steps:", text)
    assert after < before


def test_pmap_gives_the_loss_and_gradient_of_one_device(capsys: pytest.CaptureFixture[str]) -> None:
    text = run("loss_under_pmap.py", capsys)
    assert numbers("loss on 8 devices:", text) == numbers("loss on one device:", text)
    assert numbers("largest gradient:", text)[0] > 1e-3
    assert numbers("largest difference of the gradients:", text)[0] < LARGEST_DIFFERENCE


def test_every_way_under_shard_map_gives_the_gradient_of_one_device(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = run("loss_under_shard_map.py", capsys)
    differences = numbers("largest difference", text)
    assert len(differences) == 3
    assert max(differences) < LARGEST_DIFFERENCE
    assert numbers("largest gradient on one device:", text)[0] > 1e-3
