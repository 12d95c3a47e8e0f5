"""What a loss asks of the rest: of the encoder, of the parameters, of the data."""

import numpy as np
import pytest

from bscl_jax import assemble, config
from bscl_jax.assemble._loss import threshold_of

ROUNDING = 1e-6


@pytest.mark.parametrize("dims", [[8, 9], [8, 4, 4]])
def test_matryoshka_dims_that_do_not_fit_the_encoder_are_refused(dims):
    assemble.check_dims(None, 8)
    assemble.check_dims([8, 2], 8)
    with pytest.raises(ValueError, match=rf"numbers up to the encoder's 8, was \[{dims[0]}, "):
        assemble.check_dims(dims, 8)


def test_a_trained_temperature_starts_at_the_value_of_the_config():
    section = config.BatchSoftmaxLoss("batch_softmax", temperature=0.2, train_temperature=True)
    params = assemble.initial_params(section, {"bias": 0})
    assert params["encoder"] == {"bias": 0}
    assert params["log_temperature"] == pytest.approx(np.log(0.2), rel=ROUNDING)
    assert assemble.temperature(section, params) == pytest.approx(0.2, rel=ROUNDING)


def test_the_temperature_of_a_loss_is_the_fixed_one_or_none():
    assert assemble.temperature(config.ComboLoss("combo", temperature=0.3), {}) == 0.3
    assert assemble.temperature(config.CosineMseLoss("cosine_mse"), {}) is None


@pytest.mark.parametrize(
    ("sections", "good"),
    [
        ([config.BatchSoftmaxLoss("batch_softmax", threshold=0.6)], [0.7]),
        ([config.ComboLoss("combo", threshold=0.6)], [0.7]),
        ([config.ComboLoss("combo", threshold=0.6, at_threshold="positive")], [0.6, 0.7]),
        ([config.CosineMseLoss("cosine_mse"), config.SigmoidLoss("sigmoid", threshold=0.3)], None),
        ([config.CosineMseLoss("cosine_mse")], [0.6, 0.7]),
    ],
)
def test_the_data_have_the_positives_of_the_loss(sections, good):
    scores = np.array([0, 0.3, 0.4, 0.5, 0.6, 0.7], np.float32)
    expected = np.array([0.4, 0.5, 0.6, 0.7] if good is None else good, np.float32)
    np.testing.assert_array_equal(scores[scores > threshold_of(sections)], expected)
