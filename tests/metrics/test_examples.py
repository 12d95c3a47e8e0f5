import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name", ["_ranks", "_retrieval", "_ranking", "_correlation", "_classification"]
)
def test_the_examples_of_the_docstrings_run(name):
    module = importlib.import_module(f"bscl_jax.metrics.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
