import inspect
from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import shuffling

EMBEDDINGS = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32)
SHUFFLES = [
    partial(inspect.unwrap(shuffle), group_size=3, seed=0, **options)  # jaxtyping wants NumPy
    for shuffle, options in (
        (shuffling.by_example, {}),
        (shuffling.by_cluster, {"num_clusters": 4}),
        (shuffling.by_neighbor, {"num_neighbors": 4}),
    )
]


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("given", [jnp.asarray, np.ndarray.tolist])
def test_arrays_of_jax_and_lists_are_taken_for_the_same_numbers(shuffle, given):
    assert shuffle(given(EMBEDDINGS)).tobytes() == shuffle(EMBEDDINGS).tobytes()


@pytest.mark.parametrize("given", [jnp.asarray, np.ndarray.tolist])
def test_text_ids_may_be_an_array_of_jax_or_a_list(given):
    ids = np.arange(30) // 5
    expected = SHUFFLES[0](EMBEDDINGS, text_ids=ids)
    assert SHUFFLES[0](EMBEDDINGS, text_ids=given(ids)).tobytes() == expected.tobytes()


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize(("given", "shape"), [([], r"\(0,\)"), ([1.0, 2.0], r"\(2,\)")])
def test_a_list_that_is_no_matrix_is_refused_with_its_shape(shuffle, given, shape):
    with pytest.raises(ValueError, match=rf"embeddings must be a matrix .* got shape {shape}"):
        shuffle(given)
