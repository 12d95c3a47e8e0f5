"""The mesh, how host arrays get onto it, and losses that are computed across it.

A batch is split by rows, all else is copied.
"""

from bscl_jax.parallel._across import across as across
from bscl_jax.parallel._mesh import AXIS as AXIS
from bscl_jax.parallel._mesh import make_mesh as make_mesh
from bscl_jax.parallel._place import place as place
from bscl_jax.parallel._place import replicate as replicate

__all__ = ["AXIS", "across", "make_mesh", "place", "replicate"]
