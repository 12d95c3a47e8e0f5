import numpy as np
import pytest

from bscl_jax.evaluation import pair_similarities, quantize, similarities

FUNCTIONS = ("cosine", "dot", "euclidean", "manhattan")
A, B = (np.random.default_rng(seed).standard_normal((5, 300)).astype(np.float32) for seed in (0, 1))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float16", "int8", "uint8"])
def test_vectors_of_short_types_are_compared_as_floats(function: str, dtype: str) -> None:
    a, b = quantize(100 * A, dtype), quantize(100 * B, dtype)
    found = similarities(a, b, function=function)
    assert found.dtype == np.float32
    expected = similarities(a.astype(np.float64), b.astype(np.float64), function=function)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint8"])
def test_those_of_pairs_are_the_diagonal_of_all(function: str, dtype: str) -> None:
    a, b = quantize(100 * A, dtype), quantize(100 * B, dtype)
    found = pair_similarities(a, b, function=function)
    assert found.dtype == np.float32
    expected = similarities(a, b, function=function).diagonal()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_pairs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="a and b must be equally many, were 5 and 1"):
        pair_similarities(A, B[:1])
    with pytest.raises(ValueError, match=r"shapes \(5, 300\) and \(5, 64\); are they"):
        pair_similarities(A, B[:, :64])
    with pytest.raises(ValueError, match="must be one of cosine, dot, euclidean, manhattan"):
        pair_similarities(A, B, function="angle")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_vector_of_zeros_is_like_nothing(function: str) -> None:
    zeros = np.zeros((1, 300), np.float16)
    assert np.isfinite(similarities(zeros, A.astype(np.float16), function=function)).all()
    assert similarities(zeros, A, function="cosine").tolist() == [[0.0] * 5]


def test_what_no_model_asks_for_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of cosine, dot, euclidean, manhattan"):
        similarities(A, B, function="angle")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_vectors_that_do_not_fit_are_refused_with_their_shapes(function: str) -> None:
    with pytest.raises(ValueError, match=r"shapes \(5, 300\) and \(5, 64\); are they"):
        similarities(A, B[:, :64], function=function)
    with pytest.raises(ValueError, match=r"shapes \(5, 300\) and \(300,\)"):
        similarities(A, B[0], function=function)
