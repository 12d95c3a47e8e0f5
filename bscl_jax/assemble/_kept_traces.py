"""Traced steps that one start keeps for the next, which then need not trace them again."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import jax
from jax import export

from bscl_jax import data, parallel, training

FEWEST = 150
"""Arrays, of parameters and optimizer; a step with fewer is traced faster than it is read."""

Like = tuple[training.State, Any, Any]
"""The arguments of a step, as ``jax.ShapeDtypeStruct``."""


def compile_now(stage: int, step: Any, *like: Any) -> training.Step:
    """Compile a step for arguments that look like these; it has the program when it is called."""
    step.lower(*like).compile()
    return step


@dataclass(frozen=True)
class TraceCache:
    """Steps, traced and not compiled, in a folder that may be deleted at any time.

    XLA's own cache keeps what is compiled, and finds it by the traced program. Here the trace is
    found before there is one, so all that it follows from must be in the fingerprint. What was
    made and what is found is compiled in the same way, and has the same bits.

    Attributes:
        folder: where, made when it is needed.
        fingerprint: describes config, data, model, source and machine; called when it is needed.
    """

    folder: Path
    fingerprint: Callable[[], str]

    def __call__(self, stage: int, step: Any, *like: Any) -> training.Step:
        """Compile a step, traced now or at an earlier start.

        Args:
            stage: the number that tells apart the steps of one run.
            step: of ``training.make_step``.
            like: what its arguments look like, as ``jax.ShapeDtypeStruct``.
        """
        if len(jax.tree.leaves(like)) < FEWEST:
            return compile_now(stage, step, *like)
        path = self.folder / sha256(f"{self._described}\n{stage} {like}".encode()).hexdigest()
        traced = _read(path)
        if traced is None:
            try:
                traced = _trace(step, like)
                content = bytes(traced.serialize())
            except (ValueError, NotImplementedError):  # a call that JAX does not keep stable
                return compile_now(stage, step, *like)
            with suppress(OSError):
                data.keep_file(path, content)
        return _compile(traced, like)

    @cached_property
    def _described(self) -> str:
        return self.fingerprint()


def _trace(step: Any, like: Like) -> export.Exported:
    """Trace a step as a function of arrays, as JAX does not write other trees to a file."""
    arrays, tree = jax.tree.flatten(like)

    def step_of_arrays(*arrays: Any) -> Any:
        state, facts = step(*jax.tree.unflatten(tree, arrays))
        return jax.tree.leaves(state), facts

    return export.export(jax.jit(step_of_arrays))(*arrays)


def _read(path: Path) -> export.Exported | None:
    """Return a trace, or None where there is none that this version of JAX can read."""
    if (content := data.recall_file(path)) is None:
        return None
    with suppress(Exception):  # whatever it may raise
        return export.deserialize(bytearray(content))


def _compile(traced: export.Exported, like: Like) -> training.Step:
    """Compile a trace as the step that it was made of."""
    tree = jax.tree.structure(like[0])

    def step(*arguments: Any) -> Any:
        arrays, facts = traced.call(*jax.tree.leaves(arguments))
        return jax.tree.unflatten(tree, arrays), facts

    options = parallel.compiler_options()
    return jax.jit(step, donate_argnums=0, compiler_options=options).lower(*like).compile()
