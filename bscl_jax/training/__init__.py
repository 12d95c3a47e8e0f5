"""State, optimizer, step and loop; a run that was stopped goes on as if it had not been."""

from bscl_jax.training._gradient import Gradient as Gradient
from bscl_jax.training._gradient import make_gradient as make_gradient
from bscl_jax.training._nonfinite import NonFiniteError as NonFiniteError
from bscl_jax.training._optimizer import make_optimizer as make_optimizer
from bscl_jax.training._position import Best as Best
from bscl_jax.training._position import Interrupted as Interrupted
from bscl_jax.training._position import Outcome as Outcome
from bscl_jax.training._position import make_target as make_target
from bscl_jax.training._schedule import warm_up_and_decay as warm_up_and_decay
from bscl_jax.training._signals import EXIT_CODES as EXIT_CODES
from bscl_jax.training._signals import Stop as Stop
from bscl_jax.training._signals import signals as signals
from bscl_jax.training._state import State as State
from bscl_jax.training._state import init_state as init_state
from bscl_jax.training._state import restart_optimizer as restart_optimizer
from bscl_jax.training._step import Step as Step
from bscl_jax.training._step import make_step as make_step
from bscl_jax.training._stop_together import StopTogether as StopTogether
from bscl_jax.training._train import train as train

__all__ = [
    "EXIT_CODES",
    "Best",
    "Gradient",
    "Interrupted",
    "NonFiniteError",
    "Outcome",
    "State",
    "Step",
    "Stop",
    "StopTogether",
    "init_state",
    "make_gradient",
    "make_optimizer",
    "make_step",
    "make_target",
    "restart_optimizer",
    "signals",
    "train",
    "warm_up_and_decay",
]
