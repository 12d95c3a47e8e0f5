import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bscl_jax import metrics


def twin(row, relevant):
    """Sort the documents, the irrelevant first among equals, and look the relevant ones up."""
    ordered = sorted(range(len(row)), key=lambda document: (-row[document], document in relevant))
    return [place for place, document in enumerate(ordered, 1) if document in relevant]


@st.composite
def queries(draw):
    num_documents = draw(st.integers(1, 12))
    levels = st.sampled_from([-np.inf, -1.0, 0.0, -0.0, 0.25, 0.5, np.inf])
    row = draw(st.lists(levels, min_size=num_documents, max_size=num_documents))
    documents = st.integers(0, num_documents - 1)
    return row, draw(st.lists(documents, min_size=1, unique=True))


@settings(max_examples=300, deadline=None)
@given(queries())
def test_they_are_the_places_in_the_sorted_list_ties_against_us(query):
    row, relevant = query
    (found,) = metrics.ranks(np.array([row]), [relevant])
    assert found.tolist() == twin(row, relevant)


@settings(max_examples=50, deadline=None)
@given(queries(), st.randoms(use_true_random=False))
def test_the_order_of_the_corpus_does_not_matter(query, random):
    row, relevant = query
    moved = list(range(len(row)))
    random.shuffle(moved)
    (found,) = metrics.ranks(np.array([row]), [relevant])
    (other,) = metrics.ranks(
        np.array([[row[document] for document in moved]]),
        [[moved.index(document) for document in relevant]],
    )
    assert found.tolist() == other.tolist()


def test_a_model_that_finds_all_alike_has_all_documents_ahead():
    (found,) = metrics.ranks(np.ones((1, 10), np.float32), [[0, 1]])
    assert found.tolist() == [9, 10]


def test_blocks_of_queries_join_to_the_whole():
    similarities = np.random.default_rng(0).standard_normal((7, 20)).astype(np.float32)
    relevant = [[query, 19 - query] for query in range(7)]
    whole = metrics.ranks(similarities, relevant)
    parts = metrics.ranks(similarities[:3], relevant[:3]) + metrics.ranks(
        similarities[3:], relevant[3:]
    )
    assert [found.tolist() for found in whole] == [found.tolist() for found in parts]


def test_no_query_gives_no_ranks():
    assert metrics.ranks(np.zeros((0, 4)), []) == []


@pytest.mark.parametrize(
    ("relevant", "message"),
    [
        ([[0]], "one list per query, got 1 lists for 2 rows"),
        ([[0], []], "query 1 has none; leave it out"),
        ([[0], [1, 3]], r"columns 0 to 2, query 1 names \[1, 3\]"),
        ([[-1], [0]], r"columns 0 to 2, query 0 names \[-1\]"),
        ([[0], [2, 2]], r"named once, query 1 names \[2, 2\]"),
    ],
)
def test_lists_that_do_not_fit_are_refused(relevant, message):
    with pytest.raises(ValueError, match=message):
        metrics.ranks(np.zeros((2, 3)), relevant)


def test_nan_is_refused_with_its_row():
    similarities = np.zeros((3, 2))
    similarities[2, 0] = np.nan
    with pytest.raises(ValueError, match="must not be nan, row 2 holds one"):
        metrics.ranks(similarities, [[0], [0], [0]])
