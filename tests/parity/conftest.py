import importlib.util
import os
import sys

import pytest


@pytest.fixture(scope="session")
def torch_python() -> str:
    """A Python that has sentence-transformers; torch is no dependency of ours."""
    if named := os.environ.get("BSCL_JAX_TORCH_PYTHON"):
        return named
    if importlib.util.find_spec("sentence_transformers") is None:
        pytest.skip("needs sentence-transformers: set BSCL_JAX_TORCH_PYTHON to a Python with it")
    return sys.executable
