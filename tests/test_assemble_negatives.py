"""Hard negatives from the config to the gradient of a batch."""

import dataclasses

import jax
import numpy as np
import pytest

from bscl_jax import assemble, config, data, losses, parallel
from bscl_jax.assemble._batches import count_extras, possible_counts
from bscl_jax.assemble._rows import make_rows
from bscl_jax.types import PairBatch, Pairs, TokenBatch

ROUNDING = 1e-6
SAME_IN_FLOAT64 = 1e-12
ROWS, EXTRAS, FEATURES = 8, 16, 6

SOFTMAX = config.BatchSoftmaxLoss("batch_softmax", tile_size=3)
SECTIONS = {"batch_softmax": SOFTMAX, "combo": config.ComboLoss("combo", mu=0.4, tile_size=3)}


def make_arguments(dtype=np.float64):
    """Embeddings of a batch; the first extra candidate has the text of the first target."""
    rng = np.random.default_rng(0)
    tokens = TokenBatch(np.zeros((ROWS, 3), np.int32), np.ones((ROWS, 3), bool))
    extra_tokens = TokenBatch(np.zeros((EXTRAS, 3), np.int32), np.ones((EXTRAS, 3), bool))
    ids = np.arange(ROWS, dtype=np.int32)
    extra_ids = np.arange(EXTRAS, dtype=np.int32) + 100
    batch = PairBatch(
        tokens,
        tokens,
        rng.uniform(size=ROWS).astype(dtype),
        np.ones(ROWS, dtype),
        ids,
        ids,
        extra_tokens,
        extra_ids,
    )
    extra_ids[0] = ids[0]
    sizes = ROWS, ROWS, EXTRAS
    queries, targets, extras = (rng.normal(size=(n, FEATURES)).astype(dtype) for n in sizes)
    return queries, targets, batch, extras


def test_batch_softmax_gets_the_extra_candidates_and_their_ids(float64: None):
    queries, targets, batch, extras = make_arguments()
    value = assemble.make_loss(SOFTMAX, parallel.make_mesh(1))({}, *make_arguments())
    direct = losses.batch_softmax(
        queries,
        targets,
        labels=batch.scores > 0.5,
        extra_targets=extras,
        query_ids=batch.query_ids,
        target_ids=batch.target_ids,
        extra_ids=batch.extra_ids,
    )
    assert float(value) == pytest.approx(float(direct), rel=SAME_IN_FLOAT64)


@pytest.mark.parametrize(("field", "value"), [("margin", 3.0), ("distance", "cosine")])
def test_triplets_get_the_negative_of_each_row(field, value, float64: None):
    section = config.TripletLoss("triplet", negatives="given", **{field: value})
    queries, targets, batch, extras = make_arguments()
    negatives = extras[:ROWS]
    weights = np.array([1.0] * (ROWS - 1) + [0])
    loss = assemble.make_loss(section, parallel.make_mesh(1))
    found = loss({}, queries, targets, batch._replace(weights=weights), negatives)
    settings = {name: getattr(section, name) for name in ("margin", "distance")}
    direct = losses.triplet(queries, targets, negatives, weights=weights, **settings)
    assert float(found) == pytest.approx(float(direct), rel=SAME_IN_FLOAT64)


GIVEN = "{loss: {kind: triplet, negatives: given%s}}"
TEXT = """
run: {dir: runs/example}
data: {kind: library_desk}
encoder: {kind: random}
loss: {kind: triplet}
shuffling: {kind: random}
evaluation: {measure: desk/mrr}
"""
LABELLED = Pairs(["q"] * 4, ["a", "b", "c", "d"], [1.0, 0.8, 0.6, 0.0])


def rows_of(*overrides: str) -> Pairs:
    return make_rows(config.parse(TEXT, overrides), LABELLED)


def test_pairs_become_triplets_where_the_negatives_are_given_and_stay_pairs_otherwise():
    assert rows_of() is LABELLED
    assert len(rows_of("loss.negatives=given").queries) == 3
    assert len(rows_of("loss.negatives=given", "loss.threshold=0.7").queries) == 4


@pytest.mark.parametrize("other", ["{}", GIVEN % ", threshold: 0.7"])
def test_stages_that_need_different_rows_are_refused(other):
    assert len(rows_of(f"stages=[{GIVEN % ''}, {GIVEN % ', margin: 3'}]").queries) == 3
    with pytest.raises(ValueError, match="stages: all must train on the same rows"):
        rows_of(f"stages=[{GIVEN % ''}, {other}]")


def test_a_number_of_extra_candidates_is_refused_for_triplets():
    with pytest.raises(ValueError, match=r"training\.num_negatives: a triplet has one negative"):
        rows_of("loss.negatives=given", "training.num_negatives=8")


def test_pairs_that_make_no_triplet_are_refused_with_the_setting():
    whole = config.parse(TEXT, ["loss.negatives=given"])
    with pytest.raises(ValueError, match=r"^loss\.negatives: no query of the 1 training pairs"):
        make_rows(whole, Pairs(["q"], ["a"]))


def test_combo_gets_the_extra_candidates_and_their_ids(float64: None):
    queries, targets, batch, extras = make_arguments()
    section = SECTIONS["combo"]
    value = assemble.make_loss(section, parallel.make_mesh(1))({}, *make_arguments())
    softmax = losses.batch_softmax(
        queries,
        targets,
        labels=batch.scores > 0.5,
        extra_targets=extras,
        query_ids=batch.query_ids,
        target_ids=batch.target_ids,
        extra_ids=batch.extra_ids,
    )
    squares = losses.cosine_mse(queries, targets, batch.scores)
    assert float(value) == pytest.approx(float(0.4 * softmax + 0.6 * squares), rel=SAME_IN_FLOAT64)


def test_equal_texts_are_masked_among_extras_only_if_asked_for():
    arguments, mesh = make_arguments(np.float32), parallel.make_mesh(1)
    masked = assemble.make_loss(SOFTMAX, mesh)({}, *arguments)
    section = dataclasses.replace(SOFTMAX, mask_duplicates=False)
    assert float(assemble.make_loss(section, mesh)({}, *arguments)) > float(masked) + ROUNDING


def test_prefixes_cut_the_extra_candidates_too(float64: None):
    queries, targets, batch, extras = make_arguments()
    mesh = parallel.make_mesh(1)
    nested = dataclasses.replace(SOFTMAX, matryoshka_dims=[6, 2])
    value = assemble.make_loss(nested, mesh)({}, queries, targets, batch, extras)
    loss = assemble.make_loss(SOFTMAX, mesh)
    short = loss({}, queries[:, :2], targets[:, :2], batch, extras[:, :2])
    whole = loss({}, queries, targets, batch, extras)
    assert float(value) == pytest.approx(float(whole + short), rel=SAME_IN_FLOAT64)


@pytest.mark.parametrize("implementation", ["dense", "tiled"])
@pytest.mark.parametrize("section", SECTIONS)
def test_extras_on_four_devices_give_the_value_and_gradient_of_one(
    section: str, implementation: str, float64: None
):
    section = dataclasses.replace(SECTIONS[section], implementation=implementation)

    def compute(devices: int):
        mesh = parallel.make_mesh(devices)
        queries, targets, batch, extras = make_arguments()
        rows = parallel.place((queries, targets), mesh)
        batch = assemble.feed(batch, mesh)
        loss = assemble.make_loss(section, mesh)
        compute = jax.jit(jax.value_and_grad(loss, argnums=(1, 2, 4)))
        return compute({}, *rows, batch, parallel.place(extras, mesh))

    for a, e in zip(jax.tree.leaves(compute(4)), jax.tree.leaves(compute(1)), strict=True):
        np.testing.assert_allclose(a, e, rtol=0, atol=SAME_IN_FLOAT64 * np.abs(e).max())


def test_a_softmax_of_the_queries_takes_negatives_and_other_losses_do_not():
    assert all(map(assemble.takes_negatives, SECTIONS.values()))
    assert not assemble.takes_negatives(dataclasses.replace(SOFTMAX, direction="targets"))
    assert not assemble.takes_negatives(config.CosineMseLoss("cosine_mse"))


PAIRS = Pairs(
    [f"q{i}" for i in range(12)],
    [f"t{i}" for i in range(12)],
    None,
    [[f"n{i}", f"m{i}"] if i % 3 else [] for i in range(12)],
)


def tokenize(texts):
    return [[1, *(ord(letter) for letter in text), 2] for text in texts]


@pytest.mark.parametrize(("num_negatives", "expected"), [(None, 6), (2, 2), (10, 10)])
def test_every_batch_has_as_many_extras_on_the_mesh(num_negatives, expected):
    store, order = data.tokenize_pairs(PAIRS, tokenize), np.random.default_rng(0).permutation(12)
    mesh = parallel.make_mesh(2)
    for packing in (False, True):
        section = config.Training(batch_size=4, num_negatives=num_negatives, packing=packing)
        batch = assemble.make_batches(section, store, 0, mesh).batch
        for k in range(3):
            made = batch(order, k)
            assert made.extra_ids.shape == (expected,)
            assert len(made.extra_ids.sharding.device_set) == 2
            if packing:
                assert (made.extras.shape, made.queries.shape) == ((expected,), (4,))
                assert (made.packed.lengths > 0).sum() == 8 + expected
            else:
                assert len(made.extras.ids.sharding.device_set) == 2
                assert (made.extras.ids.shape, made.queries.ids.shape) == ((expected, 8), (4, 8))


def test_the_mean_number_of_negatives_is_rounded_up_to_a_multiple_of_the_devices():
    store = data.tokenize_pairs(PAIRS, tokenize)
    counts = [
        data.mean_extras(store.negatives, batch_size=b, multiple=m)
        for b, m in ((3, 1), (1, 1), (3, 8), (12, 8))
    ]
    assert counts == [4, 2, 8, 16]


@pytest.mark.parametrize(("before", "after"), [(4, 2), (2, 1), (8, 4)])
def test_a_run_that_goes_on_has_the_same_extras_on_other_devices(before, after):
    store, order = data.tokenize_pairs(PAIRS, tokenize), np.random.default_rng(0).permutation(12)
    section = config.Training(batch_size=8, packing=False)
    meshes = [parallel.make_mesh(devices) for devices in (before, after)]
    extras = [count_extras(section, store.negatives, mesh) for mesh in meshes]
    assert extras[0] != extras[1]
    first = assemble.make_batches(section, store, 0, meshes[0]).batch
    then = assemble.make_batches(section, store, 0, meshes[1], begun=extras[0]).batch
    for k in range(2):
        jax.tree.map(np.testing.assert_array_equal, first(order, k), then(order, k))


def test_devices_that_cannot_share_the_extras_of_a_run_are_refused():
    store = data.tokenize_pairs(PAIRS, tokenize)
    begun, section = assemble.Extras(number=12, multiple=4), config.Training(batch_size=8)
    assert count_extras(section, store.negatives, parallel.make_mesh(2), begun) == begun
    with pytest.raises(ValueError, match=r"may have 12 extra .* the 8 devices; 4 or 1 can share"):
        count_extras(section, store.negatives, parallel.make_mesh(8), begun)


def test_devices_that_cannot_share_what_is_left_of_the_extras_are_refused():
    store = data.tokenize_pairs(PAIRS, tokenize)
    begun, section = assemble.Extras(number=16, multiple=1), config.Training(batch_size=8)
    assert possible_counts(begun, store.negatives, 8) == [16]
    many = begun._replace(number=24)
    assert possible_counts(many, store.negatives, 8) == [24, 12]
    with pytest.raises(ValueError, match=r"may have 12 extra .* the 8 devices; 1 can share"):
        count_extras(section, store.negatives, parallel.make_mesh(8), many)


def test_without_negatives_a_number_of_them_is_refused():
    mesh = parallel.make_mesh(1)
    for pairs in (Pairs(["q"], ["t"]), Pairs(["q"], ["t"], None, [[]])):
        with pytest.raises(ValueError, match="have no hard negatives; name their columns in"):
            assemble.check_num_negatives(4, pairs, mesh)
    assemble.check_num_negatives(4, PAIRS, mesh)


def test_a_number_of_negatives_that_devices_cannot_share_is_refused():
    with pytest.raises(ValueError, match="a multiple of the 4 devices, was 6; take 8, or fewer"):
        assemble.check_num_negatives(6, PAIRS, parallel.make_mesh(4))
