import tracemalloc

import numpy as np
import pytest

from bscl_jax.data import DataError, load_task, mine_negatives, write_pairs
from bscl_jax.data import drop_false_negatives as drop
from bscl_jax.types import Pairs

ANGLES = {"q": 0, "r": 90, "t0": 10, "t1": 20, "t2": 30, "t3": 40, "t4": 100, "far": 200}


def embed_with(angles):
    def embed(texts):
        radians = np.deg2rad([angles[text.strip()] for text in texts])
        return 3 * np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)

    return embed


embed = embed_with(ANGLES)
PAIRS = Pairs(["q", "q", "r", "q"], ["t1", "t3", "t4", "t2"], [1.0, 1.0, 1.0, 0.0])


def test_negatives_are_the_nearest_that_are_no_known_positives():
    mined = mine_negatives(PAIRS, embed, corpus=["t0", "far", " t1 "])
    nearest = ("t0", "t2", "t4", "far")
    assert mined.negatives == (nearest, nearest, ("t3", "t2", "t1", "t0", "far"), ())
    assert mined[:3] == PAIRS[:3]
    assert drop(mined) == (mined, 0)


def test_no_more_are_taken_than_asked_for():
    mined = mine_negatives(PAIRS, embed, corpus=["t0", "far"], num_negatives=2)
    assert mined.negatives == (("t0", "t2"), ("t0", "t2"), ("t3", "t2"), ())


def test_the_rank_window_counts_candidates_that_are_no_positives():
    mined = mine_negatives(PAIRS, embed, corpus=["t0", "far"], ranks=(2, 3))
    assert mined.negatives == (("t2", "t4"), ("t2", "t4"), ("t2", "t1"), ())


def test_the_margin_is_to_the_target_of_the_pair_itself():
    # cos 10° = 0.985, 20° = 0.940, 30° = 0.866, 40° = 0.766, 100° = -0.174, 200° = -0.940
    mined = mine_negatives(PAIRS, embed, corpus=["t0", "far"], margin=0.07)
    assert mined.negatives[:2] == (("t2", "t4", "far"), ("t4", "far"))
    lenient = mine_negatives(PAIRS, embed, corpus=["t0", "far"], margin=-0.1)
    assert lenient.negatives[:2] == (("t0", "t2", "t4", "far"), ("t2", "t4", "far"))


def test_a_guide_that_finds_a_candidate_nearer_than_the_target_leaves_it_out():
    guide = embed_with(ANGLES | {"t2": 5, "t0": 50})
    mined = mine_negatives(PAIRS, embed, guide=guide, corpus=["t0", "far"])
    assert mined.negatives[:2] == (("t0", "t4", "far"), ("t0", "t4", "far"))


def test_queries_and_candidates_are_embedded_by_a_tower_each():
    turned = {text: angle + 160 for text, angle in ANGLES.items()}
    both = embed_with(turned | {"q": 0, "r": 90})
    towers = embed, embed_with(turned)
    corpus = ["t0", "far"]
    for options in ({"margin": 0.07}, {"guide": None}):
        expected = mine_negatives(PAIRS, both, corpus=corpus, **options)
        assert mine_negatives(PAIRS, towers, corpus=corpus, **options) == expected
        assert expected != mine_negatives(PAIRS, embed, corpus=corpus, **options)
    guided = mine_negatives(PAIRS, embed, corpus=corpus, guide=both)
    assert mine_negatives(PAIRS, embed, corpus=corpus, guide=towers) == guided


def test_the_text_of_the_query_is_no_negative_of_it():
    mined = mine_negatives(Pairs(["q"], ["t1"]), embed, corpus=[" q", "t0"])
    assert mined.negatives == (("t0",),)


def test_a_query_that_is_the_target_of_a_pair_belongs_to_its_query_too():
    mined = mine_negatives(Pairs(["q", "t1"], ["t1", "t2"]), embed, corpus=["q", "t0"])
    assert mined.negatives == (("t0", "t2"), ("t0",))


@pytest.mark.parametrize("block_size", [1, 2, 3, 1000])
def test_blocks_of_any_size_find_the_same(block_size):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 5)).astype(np.float32)
    pairs = Pairs([str(i) for i in range(10)], [str(10 + i % 7) for i in range(10)])

    def of(texts):
        return vectors[[int(text) for text in texts]]

    options = {"corpus": [str(i) for i in range(17, 40)], "margin": 0.1, "ranks": (2, 12)}
    mined = mine_negatives(pairs, of, guide=of, block_size=block_size, **options)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for query, target, found in zip(pairs.queries, pairs.targets, mined.negatives, strict=True):
        similar = unit[10:] @ unit[int(query)]
        order = [10 + i for i in np.argsort(-similar) if 10 + i != int(target)][1:12]
        own = similar[int(target) - 10]
        assert found == tuple(str(i) for i in order if similar[i - 10] <= own - 0.1)[:5]


def test_memory_holds_blocks_and_never_all_similarities():
    num, rng = 1500, np.random.default_rng(0)
    vectors = rng.normal(size=(2 * num, 4)).astype(np.float32)
    pairs = Pairs([f"q{i}" for i in range(num)], [f"t{i}" for i in range(num)])

    def of(texts):
        return vectors[[int(text[1:]) + num * (text[0] == "t") for text in texts]]

    tracemalloc.start()
    mined = mine_negatives(pairs, of, guide=of, num_negatives=1, ranks=(1, 4), block_size=150)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(mined.negatives) == num
    assert peak < 4 * num * num / 2  # half of all similarities in float32


def test_each_distinct_text_is_embedded_once_a_side():
    asked = []

    def remember(texts):
        asked.append(list(texts))
        return embed(texts)

    mine_negatives(PAIRS, remember)
    assert asked == [["q", "r"], ["t1", "t3", "t4", "t2"]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_negatives": 0}, "num_negatives and block_size must be 1 or more, got 0 and 1024"),
        ({"block_size": 0}, "got 5 and 0; 5 and 1024 suit"),
        ({"ranks": (0, 5)}, "ranks must be a first rank of 1 or more .* got "),
        ({"ranks": (5, 4)}, "ranks must be a first rank of 1 or more .* got "),
        ({"margin": 3.0}, "margin must be a difference of cosines, -2 to 2, got 3.0"),
    ],
)
def test_numbers_out_of_their_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        mine_negatives(PAIRS, embed, **options)


@pytest.mark.parametrize("suffix", ["jsonl", "tsv"])
def test_what_is_mined_is_read_again(tmp_path, suffix):
    mined = mine_negatives(PAIRS, embed, corpus=["t0", "far"])
    columns = write_pairs(tmp_path / f"mined.{suffix}", mined)
    assert list(columns) == ["query", "target", "label", *(f"negative_{i}" for i in range(1, 6))]
    (tmp_path / "dev.tsv").write_text("query\ttarget\tlabel\na\tb\t0\nc\td\t1\n")
    files = {"train": tmp_path / f"mined.{suffix}", "dev": tmp_path / "dev.tsv"}
    train = load_task("pairs", **files, columns=columns).train
    assert train == mined._replace(
        queries=tuple(mined.queries), targets=tuple(mined.targets), scores=tuple(mined.scores)
    )


def test_pairs_without_labels_and_negatives_have_no_such_columns(tmp_path):
    columns = write_pairs(tmp_path / "a.jsonl", Pairs(["ä\nb"], ["t"]))
    assert list(columns) == ["query", "target"]
    assert (tmp_path / "a.jsonl").read_text(encoding="utf-8") == (
        '{"query": "ä\\nb", "target": "t"}\n'
    )


def test_columns_may_have_other_names_and_labels_another_scale(tmp_path):
    pairs = Pairs(["q", "r"], ["t", "u"], [0.2, 1.0], [["n"], []])
    names = {"query": "frage", "label": "note", "negative": "passed over"}
    columns = write_pairs(tmp_path / "a.tsv", pairs, columns=names, label_range=(1, 5))
    assert columns == {
        "query": "frage",
        "target": "target",
        "label": "note",
        "negative_1": "negative_1",
    }
    assert (tmp_path / "a.tsv").read_text().splitlines() == [
        "frage\ttarget\tnote\tnegative_1",
        "q\tt\t1.8\tn",
        "r\tu\t5.0\t",
    ]


def test_a_text_that_a_tsv_cannot_hold_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"a.tsv: a TSV cannot hold the tab or line end in 'a\\tb'"):
        write_pairs(tmp_path / "a.tsv", Pairs(["a\tb"], ["t"]))
    assert not list(tmp_path.iterdir())


def test_two_columns_of_one_name_are_refused(tmp_path):
    pairs = Pairs(["a"], ["t"], None, [["n"]])
    with pytest.raises(DataError, match="'negative_1' would be the name of two columns"):
        write_pairs(tmp_path / "a.jsonl", pairs, columns={"target": "negative_1"})
    assert not list(tmp_path.iterdir())


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"a.csv: the suffix must be one of .jsonl, .tsv"):
        write_pairs(tmp_path / "a.csv", Pairs(["a"], ["t"]))
