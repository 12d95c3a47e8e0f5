import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name", ["_random", "_by_example", "_by_shingle", "_by_cluster", "_by_neighbor"]
)
def test_the_examples_of_the_docstrings_run(name):
    module = importlib.import_module(f"bscl_jax.shuffling.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
