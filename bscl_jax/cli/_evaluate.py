"""``bscl-jax evaluate``: score a model on the dev and test sets of a task, without training."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.table import Table

from bscl_jax import assemble, data, encoders, evaluation, parallel, reporting
from bscl_jax import config as configs
from bscl_jax.cli._disk import write_json
from bscl_jax.cli._folder import RunError
from bscl_jax.cli._not_defined import describe_undefined
from bscl_jax.cli._output import check_writable
from bscl_jax.cli._say import PatientConsole, say
from bscl_jax.types import EvaluationSet, Task

SPLITS = ("dev", "test")
WITHOUT_CONFIG = """
run: {dir: unused}
encoder: {kind: pretrained, name: unused}
loss: {kind: cosine_mse}
shuffling: {kind: random}
evaluation: {measure: unused}
data: {kind: KIND}
"""


def evaluate(
    config_path: str | None,
    *,
    data_kind: str | None,
    overrides: Sequence[str],
    model: str | None,
    splits: Sequence[str],
    output: str | None,
) -> int:
    """Score a model and print the measures.

    Args:
        config_path: the config, of which data, encoder and evaluation count; None where there is
            a ``data_kind``.
        data_kind: a kind of data with its defaults, where there is no config.
        overrides: ``section.key=value`` texts that win over the config.
        model: a folder or a name that wins over ``encoder.name``.
        splits: ``"dev"``, ``"test"`` or both.
        output: a JSON file for the measures; None writes none.

    Returns:
        The exit status.

    Raises:
        RunError: what the user can put right.
    """
    console = PatientConsole(highlight=False)
    try:
        config = read_config(config_path, data_kind, overrides, model)
        if output is not None:
            check_writable(output)
        with assemble.named("data"):
            task = data.load_task(config.data.kind, **assemble.options(config.data))
        with console.status("scoring"):
            found = score(config, task, {split: getattr(task, split) for split in splits})
        if output is not None:
            write_json(Path(output), found)
    except (ValueError, OSError) as error:
        raise RunError(str(error)) from error
    say(console, f"model    {found['model']}")
    say(console, f"data     {config.data.kind}")
    console.print(_table({split: found[split] for split in splits}))
    for line in describe_undefined(found["not_defined"]):
        say(console, f"not defined on {line}")
    return 0


def read_config(
    path: str | None, data_kind: str | None, overrides: Sequence[str], model: str | None
) -> configs.Config:
    """Read the config, or make one for a kind of data, and put the model into it.

    A model that is named is taken as it is: what the config adds to its own before training is left
    out.
    """
    if path is None:
        if model is None:
            raise RunError("evaluate --data needs --model: a folder, or a name as in encoder.name")
        text = WITHOUT_CONFIG.replace("KIND", json.dumps(data_kind))
        config = configs.parse(text, overrides, source="--data")
    else:
        config = configs.load(path, overrides)
    return config if model is None else with_model(config, model)


def with_model(config: configs.Config, model: str) -> configs.Config:
    """Return the config with another model for both sides, or the two of one that has two."""
    routes = encoders.find_routes(model)
    query, document = map(str, routes or (model, model))
    target_encoder = config.target_encoder
    if target_encoder is not None or routes is not None:
        target_encoder = as_it_is(target_encoder or config.encoder, document)
    encoder = as_it_is(config.encoder, query)
    return dataclasses.replace(config, encoder=encoder, target_encoder=target_encoder)


def as_it_is(
    section: configs.PretrainedEncoder | configs.RandomEncoder, name: str
) -> configs.PretrainedEncoder:
    """Return the section with a model to which nothing is added before training."""
    if not isinstance(section, configs.PretrainedEncoder):
        section = configs.PretrainedEncoder("pretrained", name, prompts=section.prompts)
    return dataclasses.replace(section, name=name, projection=None, freeze=[], lora=None)


def score(
    config: configs.Config, task: Task, splits: Mapping[str, Mapping[str, EvaluationSet]]
) -> dict[str, Any]:
    """Return ``{"model": …, split: {"set/measure": value}, "not_defined": {split: reasons}}``."""
    source, embed = load_embed(config, task)
    observed = evaluation.observe_splits(partial(evaluation.observe, embed), splits)
    return {
        "model": source,
        **{split: evaluation.summarize(of_split) for split, of_split in observed.items()},
        "not_defined": {
            split: evaluation.undefined(of_split) for split, of_split in observed.items()
        },
    }


def load_embed(
    config: configs.Config, task: Task
) -> tuple[str, evaluation.Embed | tuple[evaluation.Embed, evaluation.Embed]]:
    """Load the encoder of a config; return where it came from, and what embeds by it.

    That is one function, or where the config tells queries and targets apart two.
    """
    towers, params = assemble.load_towers(config, task)
    mesh = parallel.make_mesh(config.training.devices)
    embeds = assemble.make_embeds(towers, mesh, config.evaluation.batch_size, lambda count: None)
    return towers.source, embeds.at(params)


def _table(found: Mapping[str, Mapping[str, float]]) -> Table:
    names = dict.fromkeys(name for scores in found.values() for name in scores)
    cells = {
        name: [f"{scores[name]:.4f}" if name in scores else "–" for scores in found.values()]
        for name in names
    }
    return reporting.measures_table(cells, list(found), title="scores")
