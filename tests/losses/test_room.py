import doctest
import importlib
import inspect
import subprocess
import sys

import pytest

from bscl_jax import losses


@pytest.mark.parametrize("name", losses.__all__)
def test_every_public_loss_has_an_example_that_runs(name: str) -> None:
    module = importlib.import_module(f"{losses.__name__}._{name}")
    assert ">>>" in inspect.getdoc(getattr(losses, name))
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


def test_importing_the_losses_loads_jax_and_no_other_heavy_library() -> None:
    heavy = "{'flax', 'optax', 'orbax', 'transformers', 'datasets', 'torch', 'scipy.stats'}"
    code = f"import sys; from bscl_jax import losses; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
