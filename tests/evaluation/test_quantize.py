from pathlib import Path

import numpy as np
import pytest

from bscl_jax.evaluation import find_ranges, quantize

PACKED = ("int8", "uint8", "binary", "ubinary")
EMBEDDINGS = np.array([[-1.0, 0.25, 0.0], [1.0, 0.5, 3.0], [0.5, 0.4, -1.0]], np.float32)


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    """Numbers of sentence-transformers (make_quantize_golden.py)."""
    return dict(np.load(Path(__file__).parent.parent / "golden" / "quantized.npz"))


@pytest.mark.parametrize("dtype", PACKED)
def test_bytes_are_those_of_sentence_transformers(golden, dtype):
    found = quantize(golden["embeddings"], dtype)
    assert found.dtype == golden[dtype].dtype
    np.testing.assert_array_equal(found, golden[dtype])


@pytest.mark.parametrize("dtype", PACKED)
def test_bytes_with_given_ranges_are_those_of_sentence_transformers(golden, dtype):
    ranges = find_ranges(golden["calibration"])
    expected = golden[f"{dtype}/calibrated"]
    np.testing.assert_array_equal(quantize(golden["embeddings"], dtype, ranges=ranges), expected)


def test_given_ranges_make_each_row_independent_of_the_others():
    ranges = find_ranges(EMBEDDINGS)
    alone = [quantize(EMBEDDINGS[i : i + 1], "int8", ranges=ranges)[0] for i in range(3)]
    np.testing.assert_array_equal(alone, quantize(EMBEDDINGS, "int8"))


def test_what_is_outside_the_ranges_is_clipped():
    ranges = np.array([[0.0] * 3, [1.0] * 3])
    wide = np.array([[-5.0, 0.5, 5.0]], np.float32)
    assert quantize(wide, "uint8", ranges=ranges).tolist() == [[0, 127, 255]]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_floats_are_rounded_to_the_type(dtype):
    found = quantize(EMBEDDINGS, dtype)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, EMBEDDINGS.astype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float16", *PACKED])
def test_no_rows_stay_no_rows(dtype):
    width = 2 if dtype.endswith("binary") else 9
    assert quantize(np.zeros((0, 9), np.float32), dtype).shape == (0, width)


def test_one_embedding_alone_has_no_ranges():
    with pytest.raises(ValueError, match="int8 needs ranges where there is one embedding"):
        quantize(EMBEDDINGS[:1], "int8")
    assert quantize(EMBEDDINGS[:1], "binary").tolist() == [[-64]]


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        (np.zeros((2, 4)), r"ranges must have shape \(2, 3\).* had \(2, 4\)"),
        (np.array([[0, 0, 1.0], [1, 1, 0]]), "each low at most its high"),
        (np.array([[0, 0, np.nan], [1, 1, 1]]), "ranges must be finite"),
    ],
)
def test_ranges_that_do_not_fit_are_refused(ranges, message):
    with pytest.raises(ValueError, match=message):
        quantize(EMBEDDINGS, "uint8", ranges=ranges)


def test_an_unknown_type_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"one of float32, float16, int8, .* was 'int4'"):
        quantize(EMBEDDINGS, "int4")


def test_embeddings_are_not_quantized_twice():
    with pytest.raises(TypeError, match="embeddings must be floats, were int8"):
        quantize(quantize(EMBEDDINGS, "int8"), "binary")
