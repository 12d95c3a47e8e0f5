import numpy as np
import pytest

from bscl_jax.evaluation import make_cosines, unit_rows

GENERATOR = np.random.default_rng(0)
QUERIES, DOCUMENTS = (
    unit_rows(GENERATOR.normal(size=(n, 384)).astype(np.float32)) for n in (7, 50)
)


@pytest.mark.parametrize("queries", [QUERIES, QUERIES[:1], QUERIES[0]])
def test_without_copies_it_is_the_plain_product_to_the_bit(queries: np.ndarray) -> None:
    product = queries @ DOCUMENTS.T
    assert make_cosines(DOCUMENTS)(queries).tobytes() == product.tobytes()


@pytest.mark.parametrize("queries", [QUERIES, QUERIES[:1], QUERIES[0]])
def test_copies_have_the_cosine_of_the_first_and_the_others_keep_theirs(
    queries: np.ndarray,
) -> None:
    of_document = GENERATOR.integers(20, size=50)
    documents = DOCUMENTS[of_document]
    _, firsts, places = np.unique(of_document, return_index=True, return_inverse=True)
    product = queries @ documents.T
    found = make_cosines(documents)(queries)
    assert found.tobytes() == product[..., firsts][..., places].tobytes()


def test_zeros_of_either_sign_are_equal() -> None:
    documents = np.tile(DOCUMENTS[0], (40, 1))
    documents[:, 0] = [0.0, -0.0] * 20
    assert (np.ptp(make_cosines(documents)(QUERIES), axis=1) == 0).all()


def test_documents_that_differ_in_one_bit_are_no_copies() -> None:
    documents = np.array([[1.0, 0.0], [np.nextafter(np.float32(1), 0), 0.0]], np.float32)
    (first, second), *_ = make_cosines(documents)(np.eye(2, dtype=np.float32))
    assert first > second


def test_no_documents_have_no_cosines() -> None:
    assert make_cosines(DOCUMENTS[:0])(QUERIES).shape == (7, 0)
