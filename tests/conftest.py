"""Test settings that must stand before jax starts: eight CPU devices and a compilation cache."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# XLA's CPU thread pool has one thread a core or device. Two collectives that do not depend on each
# other can then hold all its threads, each waiting for the other's: a deadlock, ended by abort
# after 40 s. A larger pool cannot be filled; idle threads cost nothing.
os.environ.setdefault("NPROC", "64")
if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = (
        os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
    ).strip()

import jax
import jaxtyping
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

jax.config.update("jax_compilation_cache_dir", str(REPOSITORY / ".jax_cache"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


@pytest.fixture
def float64() -> Iterator[None]:
    """Run a test in double precision.

    What it shows is algebra, whichever way XLA computes it: so that programs are compiled without
    most optimizations, in two thirds of the time.
    """
    jax.config.update("jax_disable_most_optimizations", True)
    with jax.enable_x64(True):
        yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """What a user meets: no run-time type checks, so that our own errors speak."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
