"""The mesh, how host arrays get onto it, losses across it, and processes that share it.

A batch is split by rows, all else is copied.
"""

from bscl_jax.parallel._across import across as across
from bscl_jax.parallel._mesh import AXIS as AXIS
from bscl_jax.parallel._mesh import compiler_options as compiler_options
from bscl_jax.parallel._mesh import is_one_cpu as is_one_cpu
from bscl_jax.parallel._mesh import make_mesh as make_mesh
from bscl_jax.parallel._mesh import pads_to_powers as pads_to_powers
from bscl_jax.parallel._mesh import row_multiple as row_multiple
from bscl_jax.parallel._place import feed as feed
from bscl_jax.parallel._place import place as place
from bscl_jax.parallel._place import replicate as replicate
from bscl_jax.parallel._place import to_local as to_local
from bscl_jax.parallel._processes import is_first as is_first
from bscl_jax.parallel._processes import start_processes as start_processes
from bscl_jax.parallel._together import ProcessError as ProcessError
from bscl_jax.parallel._together import by_first as by_first
from bscl_jax.parallel._together import check_same as check_same
from bscl_jax.parallel._together import make_agree as make_agree
from bscl_jax.parallel._together import together as together

__all__ = [
    "AXIS",
    "ProcessError",
    "across",
    "by_first",
    "check_same",
    "compiler_options",
    "is_first",
    "make_agree",
    "make_mesh",
    "pads_to_powers",
    "place",
    "replicate",
    "row_multiple",
    "start_processes",
    "to_local",
    "together",
]
