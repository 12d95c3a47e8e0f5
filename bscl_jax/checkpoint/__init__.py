"""Checkpoints that are whole or not there: written aside, checksummed, verified, then renamed."""

from bscl_jax.checkpoint._checkpoints import Checkpoints as Checkpoints
from bscl_jax.checkpoint._folder import FORMAT as FORMAT
from bscl_jax.checkpoint._folder import DamagedError as DamagedError
from bscl_jax.checkpoint._folder import SaveError as SaveError
from bscl_jax.checkpoint._once import restore as restore
from bscl_jax.checkpoint._once import save as save
from bscl_jax.checkpoint._once import verify as verify

__all__ = ["FORMAT", "Checkpoints", "DamagedError", "SaveError", "restore", "save", "verify"]
