"""The one mesh of a run."""

import jax
from jax.sharding import AxisType, Mesh

AXIS = "batch"
"""Name of the mesh axis over which the rows of a batch are split."""

_GPU_ROWS = 8  # of lengths that are multiples of 8: a multiple of 64 tokens


def make_mesh(num_devices: int | None = None) -> Mesh:
    """Return a mesh with one axis, ``"batch"``, over the first devices of the run.

    The axis type is ``Auto``: code under ``jit`` reads as if there were one device, and the
    compiler splits the work. (``jax.make_mesh`` alone would make an ``Explicit`` axis, on which
    that code is refused.)

    Args:
        num_devices: devices to use, from 1 to all there are; None takes all. With several
            processes only None, or all, is possible: each must take part.

    Returns:
        The mesh, of shape ``{"batch": num_devices}``.

    Raises:
        ValueError: if so many devices are not there, or some process would be left out.

    Example:
        >>> from bscl_jax import parallel
        >>> parallel.make_mesh(1).axis_names
        ('batch',)
    """
    devices = jax.devices()
    count = len(devices) if num_devices is None else num_devices
    if not 1 <= count <= len(devices):
        raise ValueError(
            f"num_devices must be from 1 to {len(devices)} (the {devices[0].platform} devices "
            f"here), got {count}; leave it out to use all, or on CPU set "
            f"XLA_FLAGS=--xla_force_host_platform_device_count={max(count, 1)} before the start"
        )
    if jax.process_count() > 1 and count != len(devices):
        raise ValueError(
            f"num_devices must be all {len(devices)} devices when {jax.process_count()} processes "
            f"run together, got {count}; leave it out"
        )
    return jax.make_mesh((count,), (AXIS,), axis_types=(AxisType.Auto,), devices=devices[:count])


def row_multiple(mesh: Mesh) -> int:
    """Return what the rows of a packed batch are a multiple of, so that devices share them well.

    A row a device, and eight on a GPU: gradients of weights are sums over all tokens, which XLA
    splits there in up to 64 parts, and where these are not equal it first copies the activations
    into longer arrays (an eighth of a step).

    Args:
        mesh: of the run.

    Example:
        >>> from bscl_jax import parallel
        >>> parallel.row_multiple(parallel.make_mesh(1))
        1
    """
    return mesh.size * (_GPU_ROWS if _is_of_gpus(mesh) else 1)


def pads_to_powers(mesh: Mesh) -> bool:
    """Whether rows of 65 to 127 tokens take as long as rows of 128.

    Attention's kernel for GPUs computes them so: a step of 4,096 pairs in rows of 72 tokens took a
    seventh longer than in rows of 64.

    Args:
        mesh: of the run.

    Example:
        >>> from bscl_jax import parallel
        >>> parallel.pads_to_powers(parallel.make_mesh(1))
        False
    """
    return _is_of_gpus(mesh)


def is_one_cpu(mesh: Mesh) -> bool:
    """Whether the mesh is one device of a CPU, whose memory is the host's.

    Args:
        mesh: of the run.

    Example:
        >>> from bscl_jax import parallel
        >>> parallel.is_one_cpu(parallel.make_mesh(1))
        True
    """
    return mesh.size == 1 and mesh.devices.flat[0].platform == "cpu"


def _is_of_gpus(mesh: Mesh) -> bool:
    return mesh.devices.flat[0].platform == "gpu"


def compiler_options() -> dict[str, bool]:
    """Return what XLA is to be told when it compiles a model's program, besides its flags.

    On a GPU matrix products are left to cuBLAS. XLA would compile each in many ways with Triton
    too, to take the fastest: a step takes a third to two thirds longer to compile and is none the
    faster, and biases that cuBLAS adds become loops of their own.

    Example:
        >>> from bscl_jax import parallel
        >>> parallel.compiler_options()
        {}
    """
    return {"xla_gpu_enable_triton_gemm": False} if jax.default_backend() == "gpu" else {}
