"""Every family against numbers of the reference implementation (make_family_golden.py)."""

from pathlib import Path

import numpy as np
import pytest

from bscl_jax.encoders.post_norm._distance import make_buckets
from tests.golden.families import VARIANTS
from tests.golden.reference import (
    HIDDEN_TOLERANCE,
    SmallModel,
    assert_same_as_reference,
    shapes_of,
)

HERE = Path(__file__).parent
SCANNED = ["roberta", "distilbert", "electra", "mpnet", "modernbert", "deberta", "deberta_own"]


def read(variant: str) -> dict[str, np.ndarray]:
    return dict(np.load(HERE / f"family_{variant}.npz"))


@pytest.mark.parametrize("variant", VARIANTS)
def test_hidden_states_and_every_gradient_are_those_of_the_reference(
    variant: str, tmp_path: Path
) -> None:
    numbers = read(variant)
    model = SmallModel(variant, shapes_of(numbers), tmp_path)
    assert_same_as_reference(*model.run(), numbers)


@pytest.mark.parametrize("variant", SCANNED)
def test_scanned_layers_give_the_numbers_of_the_reference(variant: str, tmp_path: Path) -> None:
    numbers = read(variant)
    model = SmallModel(variant, shapes_of(numbers), tmp_path, scan_layers=True)
    assert_same_as_reference(*model.run(), numbers)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_text_without_padding_has_the_hidden_states_that_it_has_among_padding(
    variant: str, tmp_path: Path
) -> None:
    numbers = read(variant)
    model = SmallModel(variant, shapes_of(numbers), tmp_path)
    wanted = numbers["hidden"][2, model.mask[2]]
    np.testing.assert_allclose(model.run_alone(2), wanted, rtol=0, atol=HIDDEN_TOLERANCE)


def test_each_distance_falls_into_the_bucket_of_the_reference() -> None:
    wanted = read("mpnet")["buckets"]
    farthest = len(wanted) // 2
    buckets = make_buckets(farthest + 1)
    np.testing.assert_array_equal(np.concatenate([buckets[-1], buckets[0, 1:]]), wanted)
