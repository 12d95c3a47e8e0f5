import doctest
from importlib import import_module
from pkgutil import walk_packages

import pytest

from bscl_jax import data

MODULES = [each.name for each in walk_packages(data.__path__, "bscl_jax.data.")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_run(name):
    assert doctest.testmod(import_module(name)).failed == 0


def test_every_public_function_and_class_has_an_example():
    lacking = [
        name
        for name in data.__all__
        if callable(getattr(data, name)) and ">>>" not in (getattr(data, name).__doc__ or "")
    ]
    assert lacking == ["PairTokens", "Table"]  # what these hold, their makers show
