"""What several processes must agree on: whether to go on, and with what."""

import zlib
from collections.abc import Callable, Mapping
from typing import TypeVar

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Int

from bscl_jax.parallel._mesh import AXIS, make_mesh
from bscl_jax.parallel._processes import is_first

Result = TypeVar("Result")


class ProcessError(RuntimeError):
    """What ends a process because of another one."""


def together(action: Callable[[], Result]) -> Result:
    """Do something in every process, and go on once all have done it; if one fails, all fail.

    Args:
        action: what to do. It may differ between processes, but must need nothing of the others.

    Returns:
        What it returns in this process.

    Raises:
        ProcessError: it has failed in another process. Here, its own error is raised.

    Example:
        >>> from bscl_jax import parallel
        >>> parallel.together(lambda: 1 + 1)
        2
    """
    if not jax.distributed.is_initialized():
        return action()
    try:
        result = action()
    except Exception:
        gather(1)
        raise
    if failed := np.flatnonzero(gather(0)).tolist():
        raise ProcessError(f"process {failed[0]} has failed; what it said itself tells why")
    return result


def by_first(action: Callable[[], object]) -> None:
    """Do in process 0 alone what leaves something behind; the others wait, and fail if it fails.

    Args:
        action: what to do; what it returns is lost.

    Raises:
        ProcessError: it has failed. In process 0, its own error is raised.

    Example:
        >>> from bscl_jax import parallel
        >>> parallel.by_first(lambda: print("written"))
        written
    """
    together(lambda: action() if is_first() else None)


def check_same(what: Mapping[str, str]) -> None:
    """Refuse to go on with processes that do not begin with the same.

    Args:
        what: by name, a text that must be the same in every process.

    Raises:
        ProcessError: one differs; in every process.

    Example:
        >>> from bscl_jax import parallel
        >>> parallel.check_same({"config": "run: {seed: 1}"})
    """
    if not jax.distributed.is_initialized():
        return
    for name, text in what.items():
        found = gather(zlib.crc32(text.encode()) >> 1)
        if other := np.flatnonzero(found != found[0]).tolist():
            raise ProcessError(
                f"process {other[0]} has another {name} than process 0; all must be started with "
                "the same command and see the same files"
            )


def make_agree() -> Callable[[int], int]:
    """Make ``agree(value)``, the largest value of all processes, the same in each.

    With several processes the answer is that of the call before (0 at first): it is asked for now
    and read then, so no process waits for the others, nor for its device. All must call it equally
    often; values are from 0 to 2³¹ − 1.

    Example:
        >>> from bscl_jax import parallel
        >>> agree = parallel.make_agree()
        >>> agree(0), agree(15)
        (0, 15)
    """
    if not jax.distributed.is_initialized():
        return lambda value: value
    asked: list[Array] = []

    def agree(value: int) -> int:
        asked.append(start_gather(value))
        return int(np.asarray(asked.pop(0)).max()) if len(asked) > 1 else 0

    return agree


def gather(value: int) -> Int[np.ndarray, " p"]:
    """Return the value that each of the p processes gives; every one must call it."""
    processes = [device.process_index for device in make_mesh().devices.flat]
    _, firsts = np.unique(processes, return_index=True)
    return np.asarray(start_gather(value))[firsts]


def start_gather(value: int) -> Array:
    """Start to bring together the value of each process, once for each of its devices."""
    mesh = make_mesh()
    split, whole = NamedSharding(mesh, PartitionSpec(AXIS)), NamedSharding(mesh, PartitionSpec())
    own = np.full(1, value, np.int32)
    values = jax.make_array_from_callback((mesh.size,), split, lambda index: own)
    return jax.jit(_copied, out_shardings=whole)(values)


def _copied(values: Array) -> Array:
    return values + 0
