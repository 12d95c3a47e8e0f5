import subprocess
import sys


def test_importing_the_losses_loads_jax_and_no_other_heavy_library() -> None:
    heavy = "{'flax', 'optax', 'orbax', 'transformers', 'datasets', 'torch', 'scipy.stats'}"
    code = f"import sys; from bscl_jax import losses; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
