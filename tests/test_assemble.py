import jax
import numpy as np
import pytest

from bscl_jax import (
    assemble,
    data,
    encoders,
    evaluation,
    parallel,
    training,
)
from bscl_jax.types import Pairs, RetrievalSet, ScoredPairs, Task
from tests.example_run import PAIRS, embed, parse

ROUNDING = 1e-6

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


@pytest.mark.parametrize("kind", ["cosent", "pearson"])
@pytest.mark.parametrize("scores", [None, [1.0] * len(PAIRS.queries)])
def test_a_loss_that_compares_grades_is_refused_where_they_do_not_differ(kind, scores):
    task = Task(PAIRS._replace(scores=scores), DEV, {})
    settings = parse(f"stages=[{{}}, {{loss: {{kind: {kind}}}}}]", "training.batch_size=8")
    with pytest.raises(ValueError, match=rf"stages\.1\.loss\.kind: {kind} learns from labels"):
        assemble.check_fits(settings, task)
    graded = [0.5, *[1.0] * (len(PAIRS.queries) - 1)]
    assemble.check_fits(settings, Task(PAIRS._replace(scores=graded), DEV, {}))


def test_a_rooms_message_gets_the_section_unless_it_names_a_file():
    with pytest.raises(ValueError, match=r"^encoder: too long$"), assemble.named("encoder"):
        raise ValueError("too long")
    with pytest.raises(data.DataError, match=r"^a\.tsv: empty$"), assemble.named("data"):
        raise data.DataError("a.tsv: empty")


def test_a_pretrained_encoder_gets_every_field_of_its_section(monkeypatch):
    made, asked = encoders.random(["a"], seed=0, num_layers=1, hidden_size=8), []
    monkeypatch.setattr(encoders, "load", lambda *a, **options: asked.append((*a, options)) or made)
    section = (
        "{kind: pretrained, name: a, max_length: 9, pooling: cls, dropout: 0, dtype: bfloat16, "
        "scan_layers: true, remat: true, attention: fused}"
    )
    assemble.load_encoder(parse(f"encoder={section}"), Task(PAIRS, {}, {}))
    ((name, options),) = asked
    assert name == "a"
    assert options == {
        "max_length": 9,
        "pooling": "cls",
        "dropout": 0.0,
        "dtype": "bfloat16",
        "scan_layers": True,
        "remat": True,
        "attention": "fused",
    }


def test_a_random_encoder_knows_both_sides_of_the_training_pairs(monkeypatch):
    made, asked = encoders.random(["a"], seed=0, num_layers=1, hidden_size=8), []
    monkeypatch.setattr(
        encoders, "random", lambda *a, **options: asked.append((*a, options)) or made
    )
    assemble.load_encoder(parse("encoder.num_layers=5"), Task(PAIRS, {}, {}))
    ((texts, options),) = asked
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
    section = parse("training={batch_size: 4, packing: false, num_lengths: 2}").training
    mesh = parallel.make_mesh(2)
    batch = assemble.make_batches(section, store, 0, mesh).batch
    order = np.arange(12)
    shapes = [
        (each.queries.ids.shape, each.targets.ids.shape)
        for each in map(batch, [order] * 3, range(3))
    ]
    assert shapes == [((4, 8), (4, 8)), ((4, 8), (4, 8)), ((4, 32), (4, 8))]
    assert len(batch(order, 0).scores.sharding.device_set) == mesh.size


def test_packed_batches_have_a_few_shapes_and_lie_on_the_mesh():
    lengths = np.random.default_rng(0).integers(3, 30, size=(2, 64))
    pairs = Pairs([f"q{i}" for i in range(64)], [f"t{i}" for i in range(64)])
    rows = iter([[list(range(1, n + 1)) for n in side] for side in lengths])
    store = data.tokenize_pairs(pairs, lambda texts: next(rows))
    mesh = parallel.make_mesh(2)
    for num_shapes in (1, 3):
        section = parse(f"training={{batch_size: 8, num_shapes: {num_shapes}}}").training
        batch = assemble.make_batches(section, store, 0, mesh, most_tokens=40).batch
        found = [batch(np.arange(64), k) for k in range(8)]
        shapes = {each.packed.ids.shape for each in found}
        assert min(num_shapes, 2) <= len(shapes) <= num_shapes
        assert all(rows % 2 == 0 and length <= 40 for rows, length in shapes)
        assert {each.queries.shape for each in found} == {(8,)}
        assert sum(int(each.packed.mask.sum()) for each in found) == lengths.sum()
        assert len(found[0].packed.ids.sharding.device_set) == mesh.size


@pytest.mark.parametrize(("batch_size", "ahead"), [(4, 64), (100, 2), (256, 1), (512, 1)])
def test_a_cpu_makes_batches_of_256_pairs_in_a_row(batch_size, ahead):
    pairs = Pairs([f"q{i}" for i in range(512)], [f"t{i}" for i in range(512)])
    store = data.tokenize_pairs(pairs, lambda texts: [[1, 2] for _ in texts])
    section = parse(f"training={{batch_size: {batch_size}}}").training
    assert assemble.make_batches(section, store, 0, parallel.make_mesh(1)).ahead == ahead


def test_embedding_is_the_same_on_any_mesh_and_can_be_left_between_two_batches():
    encoder, params = encoders.random(PAIRS.queries, seed=0, num_layers=1, hidden_size=8)

    tower = assemble.Tower(encoder, "", lambda params: params)

    def make(num_devices, advance):
        return assemble.make_embed(tower, parallel.make_mesh(num_devices), 4, advance)

    counts = []
    one, many = make(1, counts.append), make(4, counts.append)
    vectors = one(params, PAIRS.queries)
    np.testing.assert_allclose(vectors, many(params, PAIRS.queries), atol=ROUNDING)
    assert counts == [4, 4, 4] * 2

    def leave(texts):
        raise training.Interrupted

    with pytest.raises(training.Interrupted):
        make(1, leave)(params, PAIRS.queries)


def test_what_every_epoch_embeds_is_tokenized_once():
    encoder, params = encoders.random(PAIRS.queries, seed=0, num_layers=1, hidden_size=8)
    asked = []

    class Tower(assemble.Tower):
        def tokenize(self, texts):
            asked.append(list(texts))
            return super().tokenize(texts)

    tower = Tower(encoder, "", lambda params: params)
    embed = assemble.make_embed(tower, parallel.make_mesh(1), 4, lambda count: None)
    more = jax.tree.map(lambda leaf: 2 * leaf, params)
    for texts in (PAIRS.queries, PAIRS.targets, PAIRS.queries[::-1]):
        first = embed(params, texts)
        np.testing.assert_array_equal(embed(params, list(texts)), first)
        assert np.abs(embed(more, texts) - first).max() > 0.01
    assert asked == [PAIRS.queries, PAIRS.targets, PAIRS.queries[::-1]]


def test_embedding_is_compiled_as_xla_is_to_be_told(monkeypatch):
    encoder, params = encoders.random(PAIRS.queries, seed=0, num_layers=1, hidden_size=8)
    monkeypatch.setattr(parallel, "compiler_options", lambda: {"xla_no_such_option": True})
    tower = assemble.Tower(encoder, "", lambda params: params)
    embed = assemble.make_embed(tower, parallel.make_mesh(1), 4, lambda count: None)
    with pytest.raises(Exception, match="No such compile option"):
        embed(params, PAIRS.queries)
