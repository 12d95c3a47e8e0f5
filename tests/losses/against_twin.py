"""A loss of the whole batch and its gradients against a float64 twin, wherever it is called from.

The twin has the arguments of the loss in the form that contexts take, less the axis.
"""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.losses import contexts, twin

CONTEXTS = contexts.ON_ONE_DEVICE | contexts.ON_MANY_DEVICES
EVERYWHERE = list(itertools.product(contexts.ON_MANY_DEVICES, (1, 2, 4, 8)))
"""The whole product, for ``-m slow``."""
SOMEWHERE = [("jit", 1), *zip(contexts.ON_MANY_DEVICES, (2, 8, 4, 2, 8, 4), strict=True)]
"""Each context once."""

VALUE, GRADIENT = 1e-12, 1e-11


def check(
    loss: contexts.Loss, of_twin: Callable[..., Any], batch: Any, context: str, devices: int
) -> None:
    value, (of_rows, of_shared) = CONTEXTS[context](
        loss, devices, *jax.tree.map(jnp.asarray, batch)
    )
    rows, shared, fixed = batch
    names, arguments = [*rows, "shared"], [*rows.values(), np.array(shared)]

    def flat(*arguments: Any) -> Any:
        *of_rows, shared = arguments
        return of_twin(dict(zip(rows, of_rows, strict=True)), shared, fixed)

    np.testing.assert_allclose(value, flat(*arguments), rtol=VALUE)
    found = of_rows | {"shared": of_shared}
    for name, expected in zip(names, twin.gradients(flat, *arguments), strict=True):
        scale = max(float(np.abs(expected).max()), 1.0)
        np.testing.assert_allclose(
            found[name], expected, rtol=GRADIENT, atol=VALUE * scale, err_msg=name
        )
