import dataclasses

import numpy as np
import pytest

from bscl_jax import (
    assemble,
    config,
    data,
    evaluation,
    shuffling,
)
from bscl_jax.types import Pairs
from tests.example_run import PAIRS, embed, parse

EMBEDS = assemble.Embeds(embed, embed)


def order_of(*overrides, params=2.0, epoch=1, initial=None):
    return assemble.make_order(parse(*overrides), PAIRS, EMBEDS, initial)(params, epoch)


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
        {
            "side": "targets",
            "embeddings": "current",
            "dtype": "bfloat16",
            "from_epoch": 1,
            "filter_duplicates": False,
        }
        | {"distance": "cosine"},
    ),
    "by_cluster": (
        config.ByClusterShuffling,
        {"group_size": 3, "num_clusters": 4, "group_order": "forward"},
        {"side": "targets", "embeddings": "current", "dtype": "bfloat16", "from_epoch": 1},
    ),
    "by_neighbor": (
        config.ByNeighborShuffling,
        {"group_size": 3, "num_neighbors": 4, "group_order": "reversed", "search": "mesh"},
        {"side": "targets", "embeddings": "current", "dtype": "bfloat16", "from_epoch": 1},
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
        order = assemble.make_order(settings, given, EMBEDS)
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

    def note(params, texts):
        calls.append(params)
        return embed(params, texts)

    order = assemble.make_order(
        parse(f"shuffling={{kind: {kind}, embeddings: initial}}"),
        PAIRS,
        assemble.Embeds(note, note),
        initial=1.1,
    )
    for epoch in (1, 2):
        expected = evaluation.unit_rows(embed(1.1, PAIRS.queries))
        np.testing.assert_array_equal(order(2.0, epoch), expected)
    assert calls == [1.1]


@pytest.mark.parametrize("side", ["queries", "targets"])
def test_a_side_is_embedded_by_its_own_tower(side, monkeypatch):
    monkeypatch.setattr(shuffling, "by_example", lambda vectors, **options: vectors)
    embeds = assemble.Embeds(embed, lambda params, texts: embed(params + 1, texts))
    settings = parse(f"shuffling={{kind: by_example, side: {side}}}")
    expected = embed({"queries": 2.0, "targets": 3.0}[side], getattr(PAIRS, side))
    found = assemble.make_order(settings, PAIRS, embeds)(2.0, 1)
    np.testing.assert_array_equal(found, evaluation.unit_rows(expected))


@pytest.mark.parametrize("kind", ["by_example", "by_cluster", "by_neighbor"])
def test_embeddings_are_computed_in_the_type_of_the_section(kind, monkeypatch):
    monkeypatch.setattr(shuffling, kind, lambda vectors, **options: vectors)
    shifts = {"float32": 1, "bfloat16": 2}

    def embeds_in(dtype: str) -> assemble.Embeds:
        return assemble.Embeds(lambda params, texts: embed(params + shifts[dtype], texts), None)

    for setting, shift in (("null", 0), ("float32", 1), ("bfloat16", 2)):
        settings = parse(f"shuffling={{kind: {kind}, dtype: {setting}}}")
        order = assemble.make_order(settings, PAIRS, EMBEDS, embeds_in=embeds_in)
        expected = evaluation.unit_rows(embed(2.0 + shift, PAIRS.queries))
        np.testing.assert_array_equal(order(2.0, 1), expected)


def test_a_text_that_comes_several_times_is_embedded_once(monkeypatch):
    monkeypatch.setattr(shuffling, "by_example", lambda vectors, **options: vectors)
    asked = []

    def note(params, texts):
        asked.extend(texts)
        return embed(params, texts)

    pairs = PAIRS._replace(queries=[*PAIRS.queries[:6], *PAIRS.queries[5::-1]])
    settings = parse("shuffling={kind: by_example}")
    found = assemble.make_order(settings, pairs, assemble.Embeds(note, note))(2.0, 1)
    assert sorted(asked) == sorted(set(pairs.queries))
    np.testing.assert_array_equal(found, evaluation.unit_rows(embed(2.0, pairs.queries)))


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
        parse(f"shuffling={{kind: {kind}, embeddings: tfidf}}"), PAIRS, assemble.Embeds(None, None)
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
