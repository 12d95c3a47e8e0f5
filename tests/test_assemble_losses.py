import dataclasses
import typing

import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import (
    assemble,
    config,
    losses,
    parallel,
)
from bscl_jax.types import PairBatch, TokenBatch

ROUNDING = 1e-6

ROWS, FEATURES = 6, 4
FILLER = 5  # the row of weight 0


@pytest.fixture(scope="module")
def embeddings():
    rng = np.random.default_rng(0)
    return tuple(rng.normal(size=(2, ROWS, FEATURES)).astype(np.float32))


@pytest.fixture(scope="module")
def batch():
    tokens = TokenBatch(np.zeros((ROWS, 3), np.int32), np.ones((ROWS, 3), bool))
    return PairBatch(
        queries=tokens,
        targets=tokens,
        scores=np.array([1, 0.5, 0.6, 0, 1, 1], np.float32),
        weights=np.array([1, 1, 1, 1, 1, 0], np.float32),
        query_ids=np.array([1, 2, 3, 4, 4, 6], np.int32),
        target_ids=np.array([7, 7, 8, 8, 9, 7], np.int32),
        positive_ids=np.array([[8], [7], [8], [8], [9], [7]], np.int32),
    )


def loss_of(section, embeddings, batch, params=None) -> float:
    loss = assemble.make_loss(section, parallel.make_mesh(1))
    return float(loss(params or {}, *embeddings, batch))


POSITIVE = {0.5: [1, 0, 1, 0, 1, 0], 0.55: [1, 0, 1, 0, 1, 0], 0.2: [1, 1, 1, 0, 1, 0]}
"""The labels of the batch by threshold: above it, and no filler."""

DEFAULTS = {
    "temperature": 0.1,
    "normalize": "l2",
    "direction": "both",
    "reduction": "batch",
    "partition": "separate",
    "same_side": "none",
    "hardness_strength": 5.0,  # not the default: without it, its mode changes nothing
    "hardness_mode": "all",
}

FIELDS = {
    "temperature": 0.3,
    "threshold": 0.2,
    "normalize": "minmax",
    "direction": "targets",
    "reduction": "positives",
    "partition": "joint",
    "same_side": "queries",
    "hardness_strength": 9.0,
    "hardness_mode": "extra",
    "mask_duplicates": False,
}
"""Fields of the softmax losses, each with a value that is not its default."""

OF_COMBO = {"mu": 0.7, "at_threshold": "positive"}
"""The same of the fields that ``combo`` alone has."""

IDS = ("query_ids", "target_ids", "positive_ids")

HOW = {"implementation": "tiled", "tile_size": 2, "precision": "default"}
"""Fields that change no value."""


def keywords(batch, threshold, field=None):
    """The keywords that ``batch_softmax`` gets where one field differs from its default."""
    changed = {field: FIELDS[field]} if field in DEFAULTS else {}
    masked = field != "mask_duplicates"
    ids = {name: getattr(batch, name) if masked else None for name in IDS}
    known = batch.scores < threshold if field == "at_threshold" else batch.scores <= threshold
    known = known if masked else None
    return DEFAULTS | changed | ids | {"labelled_negatives": known}


@pytest.mark.parametrize("field", [None, *FIELDS])
def test_batch_softmax_gets_every_field_of_its_section(field, embeddings, batch):
    section = config.BatchSoftmaxLoss("batch_softmax", hardness_strength=5.0)
    if field:
        default = loss_of(section, embeddings, batch)
        section = dataclasses.replace(section, **{field: FIELDS[field]})
        assert abs(loss_of(section, embeddings, batch) - default) > 100 * ROUNDING
    labels = np.array(POSITIVE[section.threshold], np.float32)
    direct = losses.batch_softmax(
        *embeddings, labels=labels, **keywords(batch, section.threshold, field)
    )
    assert loss_of(section, embeddings, batch) == pytest.approx(float(direct), rel=ROUNDING)


@pytest.mark.parametrize("field", [None, *FIELDS, *OF_COMBO])
def test_combo_gets_every_field_of_its_section(field, embeddings, batch):
    section = config.ComboLoss("combo", hardness_strength=5.0)
    if field:
        default = loss_of(section, embeddings, batch)
        section = dataclasses.replace(section, **{field: (FIELDS | OF_COMBO)[field]})
        assert abs(loss_of(section, embeddings, batch) - default) > 100 * ROUNDING
    labels = np.array(POSITIVE[section.threshold], np.float32)
    if field == "at_threshold":
        labels[batch.scores == section.threshold] = 1
    softmax = losses.batch_softmax(
        *embeddings, labels=labels, **keywords(batch, section.threshold, field)
    )
    squares = losses.cosine_mse(*embeddings, batch.scores, weights=batch.weights)
    direct = section.mu * softmax + (1 - section.mu) * squares
    assert loss_of(section, embeddings, batch) == pytest.approx(float(direct), rel=ROUNDING)


@pytest.mark.parametrize(
    ("name", "section"), [("batch_softmax", config.BatchSoftmaxLoss), ("combo", config.ComboLoss)]
)
def test_the_softmax_losses_are_told_how_to_compute(name, section, embeddings, batch, monkeypatch):
    given = {}
    monkeypatch.setattr(losses, name, lambda *_, **keywords: given.update(keywords) or 0.0)
    loss_of(section(name, **HOW), embeddings, batch)
    assert given.items() >= HOW.items()


def ids(section, batch):
    if not section.mask_duplicates:
        return {}
    return {name: getattr(batch, name) for name in IDS}


def labels(section, batch):
    """The batch's labels, whatever its weights."""
    return (batch.scores > section.threshold).astype(np.float32)


def cosine_mse(section, queries, targets, batch):
    return losses.cosine_mse(queries, targets, batch.scores, weights=batch.weights)


def pearson(section, queries, targets, batch):
    return losses.pearson(queries, targets, batch.scores, weights=batch.weights)


def cosent(section, queries, targets, batch):
    return losses.cosent(
        queries,
        targets,
        batch.scores,
        weights=batch.weights,
        temperature=section.temperature,
    )


def triplet(section, queries, targets, batch):
    settings = {name: getattr(section, name) for name in ("margin", "distance", "mining")}
    known = ids(section, batch)
    if section.mask_duplicates:
        known["labelled_negatives"] = batch.scores <= section.threshold
    weights = batch.weights * labels(section, batch)
    return losses.triplet(queries, targets, weights=weights, **settings, **known)


def sigmoid(section, queries, targets, batch):
    return losses.sigmoid(
        queries,
        targets,
        labels=labels(section, batch),
        weights=batch.weights,
        temperature=section.temperature,
        bias=section.bias,
        **ids(section, batch),
    )


def supervised(section, queries, targets, batch):
    rows = zip(batch.query_ids, batch.target_ids, batch.scores, strict=True)
    of_queries = [t if score > section.threshold else q for q, t, score in rows]
    return losses.supervised(
        np.concatenate([queries, targets]),
        np.array([*of_queries, *batch.target_ids]),
        text_ids=np.concatenate([batch.query_ids, batch.target_ids]),
        weights=np.tile(batch.weights, 2),
        temperature=section.temperature,
    )


DIRECT = {
    config.CosineMseLoss("cosine_mse"): (cosine_mse, {}),
    config.PearsonLoss("pearson"): (pearson, {}),
    config.CosentLoss("cosent"): (cosent, {"temperature": 0.3}),
    config.TripletLoss("triplet"): (
        triplet,
        {
            "margin": 0.7,
            "distance": "cosine",
            "mining": "semi-hard",
            "threshold": 0.2,
            "mask_duplicates": False,
        },
    ),
    config.SigmoidLoss("sigmoid"): (
        sigmoid,
        {"temperature": 0.3, "bias": -5.0, "threshold": 0.2, "mask_duplicates": False},
    ),
    config.SupervisedLoss("supervised"): (supervised, {"temperature": 0.3, "threshold": 0.2}),
}
"""Sections, the same loss called by hand, and fields with values that are not their defaults."""

CASES = [
    pytest.param(section, direct, changed, id=f"{section.kind}-{'-'.join(changed) or 'defaults'}")
    for section, (direct, fields) in DIRECT.items()
    for changed in ({}, *({name: value} for name, value in fields.items()))
]


@pytest.mark.parametrize(("section", "direct", "changed"), CASES)
def test_the_other_losses_get_every_field_of_their_sections(
    section, direct, changed, embeddings, batch
):
    default = loss_of(section, embeddings, batch)
    section = dataclasses.replace(section, **changed)
    value = loss_of(section, embeddings, batch)
    assert value == pytest.approx(float(direct(section, *embeddings, batch)), rel=ROUNDING)
    assert not changed or abs(value - default) > 100 * ROUNDING


def test_the_target_of_a_labelled_negative_is_searched_for_the_positive_of_its_query(batch):
    labelled, positive = 3, 4  # of one query
    queries, targets = np.zeros((2, ROWS, FEATURES), np.float32)
    targets[:, 0] = 9
    targets[[labelled, positive], 0] = 0.5, 1
    alone = batch._replace(weights=np.eye(ROWS, dtype=np.float32)[positive])
    value = loss_of(config.TripletLoss("triplet"), (queries, targets), alone)
    assert value == pytest.approx((1 - 0.5 + 0.5) / ROWS, rel=ROUNDING)


def test_no_field_of_a_loss_is_left_out_of_these_tests():
    def fields(section):
        everywhere = {"kind", "matryoshka_dims", "train_temperature", "train_bias"}
        everywhere |= {"negatives"}  # of triplets: test_assemble_negatives.py
        return {field.name for field in dataclasses.fields(section)} - everywhere

    softmax = [fields(config.BatchSoftmaxLoss), fields(config.ComboLoss)]
    everywhere = FIELDS.keys() | HOW.keys()
    assert softmax == [everywhere, everywhere | OF_COMBO.keys()]
    assert {section.kind: fields(section) for section in DIRECT} == {
        section.kind: changed.keys() for section, (_, changed) in DIRECT.items()
    }


SOFTMAX = [
    pytest.param(config.BatchSoftmaxLoss("batch_softmax"), id="batch_softmax"),
    pytest.param(config.ComboLoss("combo"), id="combo"),
]
WITH_TEMPERATURE = [
    *SOFTMAX,
    pytest.param(config.SigmoidLoss("sigmoid"), id="sigmoid"),
    pytest.param(config.SupervisedLoss("supervised"), id="supervised"),
]
ALL = [*SOFTMAX, *(pytest.param(section, id=section.kind) for section in DIRECT)]


def test_every_loss_of_a_config_is_tested_here():
    (union, _) = typing.get_args(config.Loss)
    assert {type(param.values[0]) for param in ALL} == set(typing.get_args(union))


@pytest.mark.parametrize("section", ALL)
def test_matryoshka_dims_add_the_losses_of_embeddings_cut_short(section, embeddings, batch):
    nested = dataclasses.replace(section, matryoshka_dims=[4, 2])
    whole = loss_of(section, embeddings, batch)
    short = loss_of(section, [x[:, :2] for x in embeddings], batch)
    assert loss_of(nested, embeddings, batch) == pytest.approx(whole + short, rel=ROUNDING)


@pytest.mark.parametrize("section", WITH_TEMPERATURE)
def test_a_trained_temperature_is_read_from_the_parameters(section, embeddings, batch):
    trained = dataclasses.replace(section, train_temperature=True, temperature=9.0)
    fixed = dataclasses.replace(section, temperature=0.25)
    params = {"log_temperature": jnp.log(jnp.float32(0.25))}
    value = loss_of(trained, embeddings, batch, params)
    assert value == pytest.approx(loss_of(fixed, embeddings, batch), rel=ROUNDING)


def test_a_trained_bias_is_read_from_the_parameters_and_starts_at_that_of_the_config(
    embeddings, batch
):
    trained = config.SigmoidLoss("sigmoid", bias=-3.0, train_bias=True)
    params = assemble.initial_params(trained, {})
    assert params == {"encoder": {}, "logit_bias": -3.0}
    fixed = config.SigmoidLoss("sigmoid", bias=-3.0)
    expected = loss_of(fixed, embeddings, batch)
    assert loss_of(trained, embeddings, batch, params) == pytest.approx(expected, rel=ROUNDING)


@pytest.mark.parametrize("section", SOFTMAX)
def test_a_score_equal_to_the_threshold_is_no_positive(section, embeddings, batch):
    mu = getattr(section, "mu", 1.0)

    def contrastive(score: float) -> float:
        """The contrastive part alone, with row 1 of this score."""
        scores = batch.scores.copy()
        scores[1] = score
        value = loss_of(section, embeddings, batch._replace(scores=scores))
        squares = losses.cosine_mse(*embeddings, scores, weights=batch.weights)
        return value - (1 - mu) * float(squares)

    assert contrastive(0.5) == pytest.approx(contrastive(0.0), abs=ROUNDING)
    assert contrastive(0.5001) > contrastive(0.5) + 100 * ROUNDING


# The score of a row says, in ``supervised``, of which class a candidate of the others is.
@pytest.mark.parametrize("section", [param for param in ALL if param.id != "supervised"])
def test_a_row_of_weight_zero_has_no_term_of_its_own(section, embeddings, batch):
    scores, target_ids = batch.scores.copy(), batch.target_ids.copy()
    scores[FILLER], target_ids[FILLER] = 0, 10  # a text of its own: no mask asks for its score
    batch = batch._replace(target_ids=target_ids)
    before = loss_of(section, embeddings, batch)
    assert loss_of(section, embeddings, batch._replace(scores=scores)) == before


MASKING = [
    *SOFTMAX,
    pytest.param(config.TripletLoss("triplet"), id="triplet"),
    pytest.param(config.SigmoidLoss("sigmoid", bias=0.0), id="sigmoid"),
]


@pytest.mark.parametrize("section", MASKING)
def test_where_every_target_is_known_to_belong_to_every_query_there_are_no_negatives(
    section, embeddings, batch
):
    all_targets = np.tile(np.array([7, 8, 9], np.int32), (ROWS, 1))
    known = batch._replace(positive_ids=all_targets)
    same = batch._replace(query_ids=np.zeros(ROWS, np.int32), scores=np.ones(ROWS, np.float32))
    changed = loss_of(section, embeddings, known)
    assert abs(changed - loss_of(section, embeddings, batch)) > 100 * ROUNDING
    unmasked = dataclasses.replace(section, mask_duplicates=False)
    assert loss_of(unmasked, embeddings, known) == loss_of(unmasked, embeddings, batch)
    everyone = known._replace(scores=np.ones(ROWS, np.float32))
    assert loss_of(section, embeddings, everyone) == pytest.approx(
        loss_of(section, embeddings, same), abs=ROUNDING
    )


@pytest.mark.parametrize("section", SOFTMAX)
def test_a_row_of_weight_zero_stays_a_candidate(section, embeddings, batch):
    queries, targets = embeddings[0], embeddings[1].copy()
    targets[FILLER] = queries[2]
    before = loss_of(section, embeddings, batch)
    assert loss_of(section, (queries, targets), batch) > before + 100 * ROUNDING


@pytest.mark.parametrize("section", ALL)
def test_a_fixed_temperature_is_no_parameter(section):
    assert assemble.initial_params(section, {"bias": 0}) == {"encoder": {"bias": 0}}
