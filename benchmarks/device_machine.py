"""What the device can do by itself, and how long a fresh process takes to its first step."""

import functools
import importlib.metadata
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from device_measure import Found, repeat
from device_plan import Case

DIMENSION = 384
FEW_PAIRS = 32
PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "torch",
    "triton",
    "transformers",
    "sentence-transformers",
    "inf-cl",
)


def measure(case: Case, found: Found) -> dict[str, Any]:
    """Measure one case."""
    return measure_start(case, found) if case["kind"] == "start" else measure_device()


def measure_start(case: Case, found: Found) -> dict[str, Any]:
    """Start a process twice, which then takes one step; the second finds what the first compiled.

    It comes before anything else here that needs the device, whose memory it wants.
    """
    compiled = found.folder / "compiled-start"
    environment = {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(compiled),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    facts: dict[str, Any] = {}
    for name in ("empty cache", "filled cache"):
        command = [sys.executable, __file__, case["shape"], str(time.time())]
        try:
            done = subprocess.run(
                command,
                env=environment,
                capture_output=True,
                text=True,
                timeout=max(1.0, found.end - time.time() - 1),
            )
            last = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
            facts[name] = json.loads(last[-1]) if done.returncode == 0 else {"note": last[-1:]}
        except (subprocess.TimeoutExpired, ValueError) as error:
            facts[name] = {"note": str(error)[:300]}
    return facts


def start(shape: str, begin: float) -> None:
    """Print the seconds since ``begin`` at which this process is as far as that."""
    import jax

    import bscl_jax  # noqa: F401

    jax.devices()
    ready = time.time() - begin
    from device_model import make_texts, prepare_step

    case = {"kind": "step", "shape": shape, "n": FEW_PAIRS}
    stepping = prepare_step(case, make_texts(case))
    compiled = time.time() - begin
    jax.block_until_ready(stepping.run())
    stepped = time.time() - begin
    seconds = stepping.facts["compile_seconds"]
    print(
        json.dumps(
            {
                "device_ready": ready,
                "compiled": compiled,
                "first_step": stepped,
                "compile_seconds": seconds,
            }
        )
    )


def measure_device() -> dict[str, Any]:
    """Name the device; measure matrix products of the losses' shape and a square, copying."""
    import jax
    import jax.numpy as jnp

    small = jax.default_backend() == "cpu"
    n = 64 if small else 8192
    rates: dict[str, Any] = {}
    for name, dtype, precision, width in (
        ("float32", "float32", "highest", DIMENSION),
        ("float32, rounded", "float32", "default", DIMENSION),
        ("bfloat16", "bfloat16", "default", DIMENSION),
        ("bfloat16, square", "bfloat16", "default", n),
    ):
        x, y = (jax.random.normal(jax.random.key(seed), (n, width), dtype) for seed in (0, 1))
        product = jax.jit(functools.partial(jnp.matmul, precision=precision))
        rates[name] = 2 * n**2 * width / _least(functools.partial(product, x, y.T))
    numbers = jnp.ones((n if small else 2**28,), jnp.float32)
    copied = _least(functools.partial(jax.jit(jnp.negative), numbers))
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "none"
    return {
        "device": jax.devices()[0].device_kind,
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "versions": versions,
        "matmul_flops_per_second": rates,
        "copy_bytes_per_second": 2 * numbers.nbytes / copied,
    }


def _least(run: Callable[[], Any]) -> float:
    import jax

    return min(repeat(run, jax.block_until_ready, together=20)["seconds"])


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    start(sys.argv[1], float(sys.argv[2]))
