"""Value and gradient of ``loss(encode(queries), encode(targets))``, plain and in chunks."""

from bscl_jax.gradients._cached import cached_value_and_grad as cached_value_and_grad
from bscl_jax.gradients._parts import in_parts as in_parts
from bscl_jax.gradients._plain import value_and_grad as value_and_grad
from bscl_jax.gradients._towers import Encode as Encode
from bscl_jax.gradients._towers import Loss as Loss
from bscl_jax.gradients._towers import ValueAndGrad as ValueAndGrad
from bscl_jax.gradients._towers import row_keys as row_keys

__all__ = [
    "Encode",
    "Loss",
    "ValueAndGrad",
    "cached_value_and_grad",
    "in_parts",
    "row_keys",
    "value_and_grad",
]
