"""AdamW as the paper runs it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from bscl_jax.training._norm import find_norm
from bscl_jax.training._schedule import warm_up_and_decay
from bscl_jax.training._temperature import BIAS, NAME

B1, B2, EPSILON = 0.9, 0.999, 1e-6


class Rate(NamedTuple):
    """Steps done, and the learning rate of the last one."""

    done: Int[Array, ""]
    learning_rate: Float[Array, ""]


def make_optimizer(
    *,
    num_steps: int,
    learning_rate: float = 2e-5,
    temperature_learning_rate: float = 1e-3,
    weight_decay: float = 0.01,
    warmup: float = 0.1,
    max_gradient_norm: float = 1.0,
    bias_correction: bool = False,
) -> optax.GradientTransformation:
    """Return AdamW with clipping, linear warm-up and linear decay.

    In this order: the gradient g of all parameters together is scaled down to max_gradient_norm
    where it is longer; m ← 0.9 m + 0.1 g and v ← 0.999 v + 0.001 g²; the update is
    −η (m / (√v + 1e-6) + λ p), with the learning rate η of ``warm_up_and_decay`` and λ =
    weight_decay.

    No decay (λ = 0) for biases, layer normalization and the temperature. They are known by key
    path: a leaf named ``bias`` or ``scale``, any key that contains ``norm``, and the scalars of
    the loss, ``log_temperature`` and ``logit_bias``.

    The state has the same structure whatever the settings, so that a run may change them.

    Args:
        num_steps: steps of the whole run, or of a stage of it, for the schedule.
        learning_rate: peak of η.
        temperature_learning_rate: the peak for the scalars of the loss, on the same schedule.
        weight_decay: λ, dimensionless, at least 0.
        warmup: share of the steps in which η rises, in [0, 1].
        max_gradient_norm: largest norm of the gradient, above 0.
        bias_correction: divide m by 1 − 0.9ᵗ and v by 1 − 0.999ᵗ, as Adam was published. Without it
            (BERT, and the paper for most tasks) the first steps are larger, by about 3 times.

    Raises:
        ValueError: if a number is out of its range.

    Example:
        >>> import numpy as np
        >>> from bscl_jax import training
        >>> params = {"encoder": {"bias": np.zeros(3, np.float32)}}
        >>> optimizer = training.make_optimizer(num_steps=10, learning_rate=1e-3)
        >>> updates, _ = optimizer.update(params, optimizer.init(params), params)
        >>> updates["encoder"]["bias"].shape
        (3,)

    References:
        Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019.

    Differs: the decay is taken from the parameters before the update (as Optax and PyTorch do), not
    after it; the difference is of order η².
    """
    for name, value in (
        ("learning_rate", learning_rate),
        ("temperature_learning_rate", temperature_learning_rate),
        ("max_gradient_norm", max_gradient_norm),
    ):
        if not value > 0:
            raise ValueError(f"{name} must be > 0, got {value}")
    if not weight_decay >= 0:
        raise ValueError(f"weight_decay must be >= 0, got {weight_decay}; 0 turns it off")
    adam = optax.scale_by_adam(B1, B2, EPSILON) if bias_correction else _scale_by_raw_adam()
    return optax.chain(
        _clip_by_norm(max_gradient_norm),
        adam,
        optax.add_decayed_weights(weight_decay, mask=_decayed),
        _scale_by_rate(num_steps, warmup, learning_rate, temperature_learning_rate),
    )


def last_learning_rate(opt_state: Any) -> Float[Array, ""] | None:
    """Return the learning rate of the last step, or None where the optimizer does not keep one."""
    return optax.tree.get(opt_state, "learning_rate", None)


def _clip_by_norm(most: float) -> optax.GradientTransformationExtraArgs:
    """Optax's ``clip_by_global_norm``, by the norm that a step has anyway, where it is given.

    One factor for all, not a quotient for each value, which XLA would lay out beside the gradient.
    """

    def update(
        updates: Any, state: Any, params: Any = None, *, gradient_norm: Any = None, **_: Any
    ) -> tuple[Any, Any]:
        norm = find_norm(updates) if gradient_norm is None else gradient_norm
        factor = jnp.where(norm < most, 1, most / norm)
        return jax.tree.map(lambda leaf: leaf * factor.astype(leaf.dtype), updates), state

    return optax.GradientTransformationExtraArgs(optax.identity().init, update)


def _scale_by_raw_adam() -> optax.GradientTransformation:
    """Adam without bias correction, for which Optax has no switch; with the state of Optax's."""

    def init(params: Any) -> optax.ScaleByAdamState:
        zeros = optax.tree.zeros_like
        return optax.ScaleByAdamState(jnp.int32(0), zeros(params), zeros(params))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, optax.ScaleByAdamState]:
        mu = jax.tree.map(lambda m, g: B1 * m + (1 - B1) * g, state.mu, updates)
        nu = jax.tree.map(lambda v, g: B2 * v + (1 - B2) * g * g, state.nu, updates)
        raw = jax.tree.map(lambda m, v: m / (jnp.sqrt(v) + EPSILON), mu, nu)
        return raw, optax.ScaleByAdamState(state.count + 1, mu, nu)

    return optax.GradientTransformation(init, update)


def _scale_by_rate(
    num_steps: int, warmup: float, learning_rate: float, temperature_learning_rate: float
) -> optax.GradientTransformation:
    """Multiply by minus the learning rate, the loss's scalars by theirs, and remember the rate."""
    share = warm_up_and_decay(num_steps, warmup)

    def init(params: Any) -> Rate:
        return Rate(jnp.int32(0), jnp.float32(0))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Rate]:
        now = share(state.done)

        def scale(path: tuple, leaf: Array) -> Array:
            peak = temperature_learning_rate if _is_of_loss(path) else learning_rate
            return leaf * (-peak * now).astype(leaf.dtype)

        updates = jax.tree_util.tree_map_with_path(scale, updates)
        return updates, Rate(state.done + 1, learning_rate * now)

    return optax.GradientTransformation(init, update)


def _decayed(params: Any) -> Any:
    """Return a tree of booleans: which parameters are decayed."""

    def is_decayed(path: tuple, _: Array) -> bool:
        names = _names(path)
        undecayed = names[-1] in ("bias", "scale") or _is_of_loss(path)
        return not undecayed and not any("norm" in name.lower() for name in names)

    return jax.tree_util.tree_map_with_path(is_decayed, params)


def _is_of_loss(path: tuple) -> bool:
    return _names(path)[0] in (NAME, BIAS)


def _names(path: tuple) -> list[str]:
    return [str(getattr(key, "key", key)) for key in path]
