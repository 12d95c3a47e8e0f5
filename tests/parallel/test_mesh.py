from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType

from bscl_jax import parallel


def test_the_mesh_takes_all_devices_when_no_number_is_given() -> None:
    mesh = parallel.make_mesh()
    assert mesh.axis_names == ("batch",)
    assert mesh.shape["batch"] == len(jax.devices()) == 8


def test_the_mesh_takes_the_first_devices_when_a_number_is_given() -> None:
    assert list(parallel.make_mesh(2).devices) == jax.devices()[:2]


def test_the_axis_is_automatic_so_that_code_for_one_device_runs_on_many() -> None:
    mesh = parallel.make_mesh(2)
    assert mesh.axis_types == (AxisType.Auto,)
    x = parallel.place(jnp.arange(8.0).reshape(4, 2), mesh)
    # An Explicit axis refuses this product: the contracted rows are split over the devices.
    assert jax.jit(lambda x: x @ x.T)(x).shape == (4, 4)


@pytest.mark.parametrize("number", [0, -1, 9])
def test_a_number_of_devices_that_is_not_there_is_an_error_with_a_remedy(number: int) -> None:
    with pytest.raises(ValueError, match=rf"from 1 to 8 .* got {number}; leave it out"):
        parallel.make_mesh(number)


@pytest.mark.parametrize(("platform", "each"), [("cpu", 1), ("tpu", 1), ("gpu", 8)])
def test_rows_are_a_multiple_of_the_devices_and_of_eight_on_each_gpu(
    platform: str, each: int
) -> None:
    devices = np.array([SimpleNamespace(platform=platform)] * 4)
    mesh: Any = SimpleNamespace(devices=devices, size=4)
    assert parallel.row_multiple(mesh) == 4 * each
    assert parallel.pads_to_powers(mesh) == (platform == "gpu")


def test_xla_is_told_to_leave_products_to_cublas_on_a_gpu_alone(monkeypatch: Any) -> None:
    assert parallel.compiler_options() == {}
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    options: Any = parallel.compiler_options()
    # XLA refuses options that it does not know.
    jax.jit(lambda x: x + 1, compiler_options=options).lower(1.0).compile()
    with pytest.raises(Exception, match="No such compile option"):
        jax.jit(lambda x: x + 1, compiler_options={"xla_gpu_no_such": True}).lower(1.0).compile()
