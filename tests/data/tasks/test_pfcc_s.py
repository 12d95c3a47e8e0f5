import numpy as np
import pytest

from bscl_jax.data import DataError, load_task
from bscl_jax.data.tasks._ranked_negatives import with_ranked_negatives
from bscl_jax.types import Pairs, RetrievalSet
from tests.data.tasks.small_files import CLAIM, WRITERS, write


@pytest.fixture
def folder(tmp_path):
    return WRITERS["pfcc_s"](tmp_path)


def test_tweets_are_asked_of_all_claims_equal_ones_as_one(folder):
    test = load_task("pfcc_s", path=folder).test["claims"]
    assert isinstance(test, RetrievalSet)
    assert len(test.corpus) == 8
    assert test.queries == ("what of whales?", "what of paper?")
    assert [[test.corpus[i] for i in found] for found in test.relevant] == [
        ["the claim about whales"],
        ["the claim about paper"],
    ]
    assert test.depths == (1, 5, 50)


def test_a_claim_is_held_out_with_all_its_tweets(folder):
    for seed in range(6):
        task = load_task("pfcc_s", path=folder, dev_share=0.3, seed=seed)
        dev = task.dev["claims"]
        assert isinstance(dev, RetrievalSet)
        asked = {dev.corpus[i] for found in dev.relevant for i in found}
        assert len(asked) == 2
        assert not asked & set(task.train.targets)
        assert len(dev.queries) + len(task.train.queries) == 8


def test_what_is_held_out_does_not_depend_on_the_order_of_the_file(folder):
    before = load_task("pfcc_s", path=folder, dev_share=0.3)
    header, *rows = (folder / "train.tsv").read_text().splitlines()
    write(folder, "train.tsv", header, *reversed(rows))
    after = load_task("pfcc_s", path=folder, dev_share=0.3)
    assert set(before.train.queries) == set(after.train.queries)


def test_the_seed_chooses_what_is_held_out(folder):
    trains = {load_task("pfcc_s", path=folder, seed=seed).train.queries for seed in range(8)}
    assert len(trains) > 1


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_is_between_zero_and_one(folder, share):
    with pytest.raises(ValueError, match=f"dev_share must be above 0 and below 1, was {share}"):
        load_task("pfcc_s", path=folder, dev_share=share)


def test_a_share_that_leaves_nothing_is_refused(folder):
    with pytest.raises(ValueError, match="takes 6 of 6 groups"):
        load_task("pfcc_s", path=folder, dev_share=0.99)


def test_a_claim_that_is_not_in_the_corpus_is_named(folder):
    write(folder, "test.tsv", CLAIM, "u\tq\tv9\tnobody said this")
    with pytest.raises(DataError, match=r"test.tsv: 1 of its claims are not in corpus.tsv, .*said"):
        load_task("pfcc_s", path=folder)


def test_negatives_are_none_or_by_rank(folder):
    assert load_task("pfcc_s", path=folder).train.scores is None
    with pytest.raises(ValueError, match="must be 'none' or 'ranks', was 'some'"):
        load_task("pfcc_s", path=folder, negatives="some")
    with pytest.raises(ValueError, match="from rank 100 on need a corpus of 101 texts"):
        load_task("pfcc_s", path=folder, negatives="ranks")


# Falling similarity to "a b c d" among these: themselves, by their number of common words.
CORPUS = ["a b c d", "a b c x", "a b y z", "a u v w", "k l m n"]


def test_negatives_stand_at_ranks_that_double_and_positives_come_as_often():
    more = with_ranked_negatives(Pairs(["a b c d"], ["a b c d"]), CORPUS, first_rank=1)
    assert more.targets[::2] == ("a b c d",) * 3
    assert more.targets[1::2] == ("a b c x", "a b y z", "k l m n")  # ranks 1, 2, 4
    assert more.queries == ("a b c d",) * 6
    assert more.scores == (1.0, 0.0) * 3


def test_no_known_answer_of_a_query_is_its_negative():
    pairs = Pairs(["a b c d", "a b c d "], ["a b c d", "a b c x"])
    more = with_ranked_negatives(pairs, CORPUS, first_rank=1)
    negatives = set(more.targets[1::2])
    assert negatives == {"a b y z", "a u v w"}


def test_texts_without_a_common_word_are_not_the_same_negatives_for_every_query():
    corpus = [f"word{i}" for i in range(200)]
    queries = [f"word{i}" for i in range(50)]
    more = with_ranked_negatives(Pairs(queries, queries), corpus, first_rank=100)
    assert more.targets is not None
    assert len(np.unique(more.targets[1::2])) > 25
