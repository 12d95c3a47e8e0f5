import importlib.metadata
import subprocess
import sys

import bscl_jax


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_loads_no_heavy_library() -> None:
    heavy = "{'flax', 'optax', 'orbax', 'transformers', 'datasets', 'torch', 'jax'}"
    assert run_python(f"import sys, bscl_jax; print({heavy} & set(sys.modules))") == "set()"


def test_an_unknown_attribute_of_the_package_is_named() -> None:
    code = "import bscl_jax\ntry:\n    bscl_jax.nothing\nexcept AttributeError as e:\n    print(e)"
    assert run_python(code) == "module 'bscl_jax' has no attribute 'nothing'"


def test_the_version_is_that_of_the_package() -> None:
    assert bscl_jax.__version__ == importlib.metadata.version("bscl_jax")
