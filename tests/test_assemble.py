import dataclasses
import typing

import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import (
    assemble,
    config,
    data,
    encoders,
    evaluation,
    losses,
    parallel,
    shuffling,
    training,
)
from bscl_jax.types import PairBatch, Pairs, RetrievalSet, ScoredPairs, Task, TokenBatch

ROUNDING = 1e-6

TEXT = """
run: {dir: runs/example, seed: 3}
data: {kind: library_desk}
encoder: {kind: random}
loss: {kind: batch_softmax}
shuffling: {kind: random}
evaluation: {measure: desk/mrr}
"""

ROWS, FEATURES = 6, 4
FILLER = 5  # the row of weight 0


def parse(*overrides: str) -> config.Config:
    return config.parse(TEXT, overrides)


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
        positive_ids=np.array([[9], [7], [8], [8], [9], [7]], np.int32),
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

HOW = {"implementation": "tiled", "tile_size": 2}
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
    weights = batch.weights * labels(section, batch)
    return losses.triplet(queries, targets, weights=weights, **settings, **ids(section, batch))


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


@pytest.mark.parametrize("dims", [[8, 9], [8, 4, 4]])
def test_matryoshka_dims_that_do_not_fit_the_encoder_are_refused(dims):
    assemble.check_dims(None, 8)
    assemble.check_dims([8, 2], 8)
    with pytest.raises(ValueError, match=rf"numbers up to the encoder's 8, was \[{dims[0]}, "):
        assemble.check_dims(dims, 8)


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


def test_a_trained_temperature_starts_at_the_value_of_the_config():
    section = config.BatchSoftmaxLoss("batch_softmax", temperature=0.2, train_temperature=True)
    params = assemble.initial_params(section, {"bias": 0})
    assert params["encoder"] == {"bias": 0}
    assert params["log_temperature"] == pytest.approx(np.log(0.2), rel=ROUNDING)
    assert assemble.temperature(section, params) == pytest.approx(0.2, rel=ROUNDING)


@pytest.mark.parametrize("section", ALL)
def test_a_fixed_temperature_is_no_parameter(section):
    assert assemble.initial_params(section, {"bias": 0}) == {"encoder": {"bias": 0}}


def test_the_temperature_of_a_loss_is_the_fixed_one_or_none():
    assert assemble.temperature(config.ComboLoss("combo", temperature=0.3), {}) == 0.3
    assert assemble.temperature(config.CosineMseLoss("cosine_mse"), {}) is None


PAIRS = Pairs(
    queries=[f"query {i}" for i in range(11)] + ["query 0"],
    targets=[f"target {i % 4}" for i in range(12)],
)


def embed(params, texts):
    """Embed texts by their letters, in two features that depend on params."""
    codes = np.array([[sum(map(ord, text)), len(text) * ord(text[-1])] for text in texts], float)
    return np.stack([np.cos(params * codes[:, 0]), np.sin(codes[:, 1])], axis=1) * params


def order_of(*overrides, params=2.0, epoch=1, initial=None):
    return assemble.make_order(parse(*overrides), PAIRS, embed, initial)(params, epoch)


def test_file_order_is_the_same_in_every_epoch():
    settings = ("shuffling={kind: file_order}",)
    assert order_of(*settings).tolist() == order_of(*settings, epoch=2).tolist() == list(range(12))


def test_random_order_follows_from_seed_and_epoch():
    np.testing.assert_array_equal(order_of(), shuffling.random(12, seed=(3, 1)))
    np.testing.assert_array_equal(order_of(epoch=2), shuffling.random(12, seed=(3, 2)))
    np.testing.assert_array_equal(order_of("run.seed=4"), shuffling.random(12, seed=(4, 1)))


def test_by_example_orders_unit_vectors_of_the_queries():
    direct = shuffling.by_example(
        evaluation.unit_rows(embed(2.0, PAIRS.queries)),
        group_size=2,
        num_neighbors=500,
        seed=(3, 1),
        text_ids=data.content_ids(PAIRS.queries),
    )
    settings = "shuffling={kind: by_example, group_size: 2}"
    np.testing.assert_array_equal(order_of(settings), direct)


SHUFFLES = {
    "by_example": (
        config.ByExampleShuffling,
        {"group_size": 3, "num_neighbors": 5, "reverse": False, "group_order": "mixed"}
        | {"count": "texts", "search": "host"},
        {"side": "targets", "embeddings": "current", "from_epoch": 1, "filter_duplicates": False}
        | {"distance": "cosine"},
    ),
    "by_cluster": (
        config.ByClusterShuffling,
        {"group_size": 3, "num_clusters": 4, "group_order": "forward"},
        {"side": "targets", "embeddings": "current", "from_epoch": 1},
    ),
    "by_neighbor": (
        config.ByNeighborShuffling,
        {"group_size": 3, "num_neighbors": 4, "group_order": "reversed", "search": "mesh"},
        {"side": "targets", "embeddings": "current", "from_epoch": 1},
    ),
    "by_shingle": (
        config.ByShingleShuffling,
        {"group_size": 3, "shingle_size": 2, "group_order": "forward"},
        {"side": "targets", "stop_words": "none", "from_epoch": 1},
    ),
}
"""Kinds with their section, the fields that are keywords as they are, and the others."""


@pytest.mark.parametrize("kind", SHUFFLES)
def test_a_shuffle_gets_every_field_of_its_section(kind, monkeypatch):
    section, fields, others = SHUFFLES[kind]
    assert {field.name for field in dataclasses.fields(section)} == {"kind", *fields, *others}
    monkeypatch.setattr(shuffling, kind, lambda *given, **options: (given, options))
    (given,), keywords = order_of(f"shuffling={ {'kind': kind} | fields | others }")
    if kind == "by_shingle":
        assert given == PAIRS.targets
        assert keywords == fields | {"seed": (3, 1), "stop_words": ()}
        return
    np.testing.assert_array_equal(given, evaluation.unit_rows(embed(2.0, PAIRS.targets)))
    ids = keywords.pop("text_ids", None)
    assert keywords == fields | {"seed": (3, 1)}
    if kind == "by_example":
        np.testing.assert_array_equal(ids, data.content_ids(PAIRS.targets))


def test_texts_are_told_apart_only_where_that_matters(monkeypatch):
    monkeypatch.setattr(shuffling, "by_example", lambda *given, **options: options)
    settings = "shuffling={kind: by_example, filter_duplicates: false}"
    assert order_of(settings)["text_ids"] is None


def test_a_cluster_holds_about_fifty_pairs_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(shuffling, "by_cluster", lambda *given, **options: options)
    settings = parse("shuffling={kind: by_cluster}")
    pairs = Pairs(queries=["a"] * 170, targets=["b"] * 170)
    for given, clusters in [(pairs, 3), (PAIRS, 1)]:
        order = assemble.make_order(settings, given, embed)
        assert order(2.0, 1)["num_clusters"] == clusters


KINDS = [*SHUFFLES]


@pytest.mark.parametrize("kind", KINDS)
def test_epochs_before_from_epoch_are_in_file_order(kind):
    settings = (f"shuffling={{kind: {kind}, from_epoch: 2}}",)
    assert order_of(*settings).tolist() == list(range(12))
    assert order_of(*settings, epoch=2).tolist() != list(range(12))


@pytest.mark.parametrize("kind", ["by_example", "by_cluster", "by_neighbor"])
def test_embeddings_of_the_initial_model_are_computed_once_and_stay(kind, monkeypatch):
    monkeypatch.setattr(shuffling, kind, lambda vectors, **options: vectors)
    calls = []
    order = assemble.make_order(
        parse(f"shuffling={{kind: {kind}, embeddings: initial}}"),
        PAIRS,
        lambda params, texts: calls.append(params) or embed(params, texts),
        initial=1.1,
    )
    for epoch in (1, 2):
        expected = evaluation.unit_rows(embed(1.1, PAIRS.queries))
        np.testing.assert_array_equal(order(2.0, epoch), expected)
    assert calls == [1.1]


@pytest.mark.parametrize("embeddings", ["current", "initial"])
def test_by_example_measures_embeddings_as_they_are_where_that_is_asked_for(
    embeddings, monkeypatch
):
    monkeypatch.setattr(shuffling, "by_example", lambda vectors, **options: vectors)
    settings = f"shuffling={{kind: by_example, distance: euclidean, embeddings: {embeddings}}}"
    np.testing.assert_array_equal(order_of(settings, initial=2.0), embed(2.0, PAIRS.queries))


@pytest.mark.parametrize("kind", ["by_example", "by_cluster", "by_neighbor"])
def test_tfidf_asks_no_model(kind, monkeypatch):
    monkeypatch.setattr(shuffling, kind, lambda vectors, **options: vectors)
    order = assemble.make_order(
        parse(f"shuffling={{kind: {kind}, embeddings: tfidf}}"), PAIRS, None
    )
    np.testing.assert_array_equal(order(None, 1), shuffling.tfidf(PAIRS.queries))


@pytest.fixture
def saved(tmp_path):
    for epoch in (1, 2):
        order = shuffling.random(12, seed=epoch)
        shuffling.write_order(shuffling.epoch_path(tmp_path, epoch), order)
    return tmp_path


def test_a_saved_order_is_replayed_in_every_epoch(saved):
    settings = (f"shuffling={{kind: file, path: {saved}/epoch-002.txt}}",)
    for epoch in (1, 2, 3):
        order = order_of(*settings, epoch=epoch)
        np.testing.assert_array_equal(order, shuffling.random(12, seed=2))


def test_a_folder_of_orders_is_replayed_epoch_by_epoch(saved):
    settings = (f"shuffling={{kind: file, path: {saved}}}",)
    for epoch in (1, 2):
        order = order_of(*settings, epoch=epoch)
        np.testing.assert_array_equal(order, shuffling.random(12, seed=epoch))


def test_an_order_of_every_epoch_must_be_there_before_training(saved):
    settings = f"shuffling={{kind: file, path: {saved}}}"
    assemble.check_order(parse(settings, "training.epochs=2"), 12)
    with pytest.raises(FileNotFoundError, match=r"epoch-003\.txt: no such order"):
        assemble.check_order(parse(settings, "training.epochs=3"), 12)


def test_an_order_of_other_data_is_refused_before_training(saved):
    settings = f"shuffling={{kind: file, path: {saved}/epoch-001.txt}}"
    with pytest.raises(ValueError, match=r"epoch-001\.txt: 1 of 13 rows are missing"):
        assemble.check_order(parse(settings), 13)


def test_counting_texts_where_a_group_holds_each_once_is_refused():
    with pytest.raises(ValueError, match="count: texts needs filter_duplicates: false"):
        assemble.check_order(parse("shuffling={kind: by_example, count: texts}"), 12)


def test_faiss_is_asked_for_before_training(monkeypatch):
    monkeypatch.setattr("bscl_jax.shuffling._search.find_spec", lambda _: None)
    for kind in ("by_example", "by_neighbor"):
        with pytest.raises(ValueError, match="needs the package faiss-cpu"):
            assemble.check_order(parse(f"shuffling={{kind: {kind}, search: faiss}}"), 12)


def test_by_example_looks_at_the_current_parameters():
    settings = ("shuffling={kind: by_example, group_size: 2}",)
    assert order_of(*settings).tolist() != order_of(*settings, params=1.1).tolist()


DEV = {
    "desk": RetrievalSet(["q"], ["a", "b"], [[0]]),
    "graded": ScoredPairs(["a", "b"], ["c", "d"], [0, 1]),
}


@pytest.mark.parametrize("measure", assemble.measures(DEV))
def test_every_measure_of_a_dev_set_can_choose_the_epoch(measure):
    assemble.check_measure(measure, DEV)


def test_the_measures_are_those_that_evaluation_gives():
    scores = evaluation.evaluate(lambda texts: embed(2.0, texts), DEV)
    assert list(scores) == assemble.measures(DEV)


def test_an_unknown_measure_is_refused_with_those_that_are_known():
    with pytest.raises(ValueError) as caught:
        assemble.check_measure("desk/mmr", DEV)
    assert str(caught.value) == (
        "must be one of desk/mrr, desk/map, desk/has_positive@1, desk/has_positive@5, "
        "graded/spearman, graded/pearson, which this data has, was 'desk/mmr'"
    )


def test_settings_that_fit_give_the_mesh():
    settings = ("training.devices=4", "training.batch_size=8")
    mesh = assemble.check_fits(parse(*settings), Task(PAIRS, DEV, {}))
    assert mesh.size == 4


def test_a_rooms_message_gets_the_section_unless_it_names_a_file():
    with pytest.raises(ValueError, match=r"^encoder: too long$"), assemble.named("encoder"):
        raise ValueError("too long")
    with pytest.raises(data.DataError, match=r"^a\.tsv: empty$"), assemble.named("data"):
        raise data.DataError("a.tsv: empty")


def test_a_pretrained_encoder_gets_every_field_of_its_section(monkeypatch):
    monkeypatch.setattr(encoders, "load", lambda name, **options: (name, options))
    section = (
        "{kind: pretrained, name: a, max_length: 9, pooling: cls, dropout: 0, dtype: bfloat16}"
    )
    name, options = assemble.load_encoder(parse(f"encoder={section}"), Task(PAIRS, {}, {}))
    assert name == "a"
    assert options == {"max_length": 9, "pooling": "cls", "dropout": 0.0, "dtype": "bfloat16"}


def test_a_random_encoder_knows_both_sides_of_the_training_pairs(monkeypatch):
    monkeypatch.setattr(encoders, "random", lambda texts, **options: (texts, options))
    texts, options = assemble.load_encoder(parse("encoder.num_layers=5"), Task(PAIRS, {}, {}))
    assert set(texts) == {*PAIRS.queries, *PAIRS.targets}
    assert options == {
        "seed": 3,
        "num_layers": 5,
        "hidden_size": 32,
        "num_heads": 2,
        "vocab_size": 1000,
        "max_length": 64,
    }


def test_batches_have_a_few_lengths_and_lie_on_the_mesh():
    lengths = [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 30]
    pairs = Pairs(PAIRS.queries, PAIRS.targets)
    rows = iter([[list(range(1, n + 1)) for n in lengths], [[1, 2]] * 12])
    store = data.tokenize_pairs(pairs, lambda texts: next(rows))
    section = parse("training={batch_size: 4, num_lengths: 2}").training
    mesh = parallel.make_mesh(2)
    batch = assemble.make_batches(section, store, 0, mesh)
    order = np.arange(12)
    shapes = [
        (each.queries.ids.shape, each.targets.ids.shape)
        for each in map(batch, [order] * 3, range(3))
    ]
    assert shapes == [((4, 8), (4, 8)), ((4, 8), (4, 8)), ((4, 32), (4, 8))]
    assert len(batch(order, 0).scores.sharding.device_set) == mesh.size


def test_embedding_is_the_same_on_any_mesh_and_can_be_left_between_two_batches():
    encoder, params = encoders.random(PAIRS.queries, seed=0, num_layers=1, hidden_size=8)

    def encode(params, tokens, dropout_key):
        return encoder.apply(params, tokens, dropout_key=dropout_key)

    def make(num_devices, advance):
        mesh = parallel.make_mesh(num_devices)
        return assemble.make_embed(encoder, encode, mesh, 4, advance)

    counts = []
    one, many = make(1, counts.append), make(4, counts.append)
    vectors = one(params, PAIRS.queries)
    np.testing.assert_allclose(vectors, many(params, PAIRS.queries), atol=ROUNDING)
    assert counts == [4, 4, 4] * 2

    def leave(texts):
        raise training.Interrupted

    with pytest.raises(training.Interrupted):
        make(1, leave)(params, PAIRS.queries)
