"""What a user can have got wrong, said before a model is loaded."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from jax.sharding import Mesh

from bscl_jax import config as configs
from bscl_jax import data, evaluation, parallel
from bscl_jax.assemble._stages import list_stages
from bscl_jax.types import EvaluationSet, Pairs, Task


def options(section: Any, *without: str) -> dict[str, Any]:
    """Return a section's fields as keywords, less its ``kind`` and the fields named."""
    names = {field.name for field in dataclasses.fields(section)} - {"kind", *without}
    return {name: getattr(section, name) for name in names}


@contextmanager
def named(section: str) -> Iterator[None]:
    """Put the section of the config before a room's message, unless that names a file."""
    try:
        yield
    except data.DataError:
        raise
    except ValueError as error:
        raise ValueError(f"{section}: {error}") from error


def check_fits(config: configs.Config, task: Task) -> Mesh:
    """Refuse settings that do not fit data and devices, in one message, before a model is loaded.

    Returns:
        The mesh.

    Raises:
        ValueError: with a line for each setting that does not fit.
    """
    problems: list[str] = []

    def attempt(setting: str, check: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return check(*arguments)
        except ValueError as error:
            problems.append(f"{setting}: {error}")

    batch_size, n = config.training.batch_size, len(task.train.queries)
    attempt("evaluation.measure", check_measure, config.evaluation.measure, task.dev)
    mesh = attempt("training.devices", parallel.make_mesh, config.training.devices)
    if attempt("training.batch_size", data.num_batches, n, batch_size) and mesh is not None:
        attempt("training.batch_size", parallel.place, np.zeros(batch_size), mesh)
    if mesh is not None and (num_negatives := config.training.num_negatives) is not None:
        attempt("training.num_negatives", check_num_negatives, num_negatives, task.train, mesh)
    for stage in list_stages(config):
        attempt(f"{stage.place}loss.kind", check_grades, stage.section.loss, task.train)
    if problems or mesh is None:
        raise ValueError("\n".join(problems))
    return mesh


def check_grades(loss: configs.Loss, pairs: Pairs) -> None:
    """Refuse a loss that compares grades where all are the same: its gradient would be zero."""
    grades = () if pairs.scores is None else pairs.scores
    if isinstance(loss, configs.CosentLoss | configs.PearsonLoss) and len(set(grades)) < 2:
        raise ValueError(
            f"{loss.kind} learns from labels that differ, which the training pairs have not; name "
            "their column in data.columns (label), or take batch_softmax, for pairs without labels"
        )


def check_num_negatives(num_negatives: int, pairs: Pairs, mesh: Mesh) -> None:
    """Refuse extra candidates that the data has not, or that devices cannot share evenly."""
    if not any(pairs.negatives or ()):
        raise ValueError(
            "the training pairs have no hard negatives; name their columns in data.columns, or "
            "leave this out"
        )
    if num_negatives % mesh.size:
        raise ValueError(
            f"must be a multiple of the {mesh.size} devices, was {num_negatives}; take "
            f"{-(-num_negatives // mesh.size) * mesh.size}, or fewer devices"
        )


def check_measure(measure: str, dev: Mapping[str, EvaluationSet]) -> None:
    """Refuse a dev measure that the dev sets do not give, before anything is trained."""
    known = measures(dev)
    if measure not in known:
        raise ValueError(f"must be one of {', '.join(known)}, which this data has, was {measure!r}")
    reason = evaluation.why_not_defined(dev[measure.rpartition("/")[0]])
    if reason is not None:
        raise ValueError(
            f"{measure} is not defined on dev ({reason}); give a dev split with rows of more than "
            "one kind, or choose a measure of another set"
        )


def measures(sets: Mapping[str, EvaluationSet]) -> list[str]:
    """Name the measures of the sets, as ``set/measure``."""
    return [f"{name}/{key}" for name, each in sets.items() for key in evaluation.measures(each)]


def check_dims(dims: Sequence[int] | None, dimension: int) -> None:
    """Refuse prefixes that the embeddings do not have, and such as are listed twice."""
    if dims is not None and (len(set(dims)) < len(dims) or max(dims) > dimension):
        raise ValueError(f"must be different numbers up to the encoder's {dimension}, was {dims}")
