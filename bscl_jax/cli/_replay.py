"""``bscl-jax replay``: one step of a run once more, with the gradient of every parameter."""

import json
import math
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from bscl_jax import assemble
from bscl_jax import config as configs
from bscl_jax.cli._data import begun_extras
from bscl_jax.cli._disk import write_json
from bscl_jax.cli._folder import RunError, RunFolder, check_data
from bscl_jax.cli._moment import Moment, go_to
from bscl_jax.cli._output import check_writable
from bscl_jax.cli._say import PatientConsole, say


def replay(path: str, *, step: int | None, output: str | None) -> int:
    """Go to a step of a run, from the newest checkpoint before it, and show its gradients.

    The steps from the checkpoint on are taken again as they were. The run folder is not changed.

    Args:
        path: the run folder.
        step: which step, from 1; None takes the one that ended the run.
        output: a JSON file for what is found; None writes none.

    Returns:
        The exit status.

    Raises:
        RunError: what the user can put right.
    """
    console = PatientConsole(highlight=False)
    folder = RunFolder(Path(path))
    try:
        config = configs.load(folder.config)
        step = read_step(folder) if step is None else step
        if output is not None:
            check_writable(output)
        road = assemble.lay_road(config, begun=begun_extras(folder))
        check_data(folder, road.sources())
        with console.status(f"going to step {step}"):
            moment = go_to(step, config, folder, road)
            found = {"step": step, "epoch": moment.epoch} | measure(road, moment)
        if output is not None:
            write_json(Path(output), found)
    except (ValueError, OSError) as error:
        raise RunError(str(error)) from error
    show(console, found)
    return 0


def read_step(folder: RunFolder) -> int:
    """Return the step that ended the run."""
    if not folder.nonfinite.is_file():
        raise RunError(
            f"{folder.path} has no {folder.nonfinite.name}: no loss or gradient ended the run; "
            "name a step with --step N"
        )
    return json.loads(folder.nonfinite.read_text(encoding="utf-8"))["step"]


def measure(road: assemble.Road, moment: Moment) -> dict[str, Any]:
    """Return the loss, and the norms of each parameter and of its gradient."""
    loss, grads = road.gradient(moment.epoch)(moment.state, moment.batch, moment.key)
    leaves, of_grads = (
        {
            jax.tree_util.keystr(path, simple=True, separator="/"): norm(leaf)
            for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
        }
        for tree in (moment.state.params, grads)
    )
    return {
        "loss": in_json(float(loss)),
        "gradient_norm": in_json(math.hypot(*of_grads.values())),
        "leaves": {
            name: {"norm": in_json(leaves[name]), "gradient_norm": in_json(of_grads[name])}
            for name in leaves
        },
    }


def norm(leaf: Any) -> float:
    """Return the Euclidean norm, in float64 where float32 would overflow."""
    return float(np.linalg.norm(np.asarray(leaf, np.float64)))


def in_json(number: float) -> float | str:
    """Return a number as JSON can have it: NaN and infinity as words."""
    return number if math.isfinite(number) else str(number)


def show(console: Console, found: dict[str, Any]) -> None:
    """Print a table of the parameters, in which what is not finite stands out, and the sum."""
    table = Table("parameter", "norm", "gradient norm")
    bad = 0
    for name, leaf in found["leaves"].items():
        not_finite = isinstance(leaf["gradient_norm"], str)
        bad += not_finite
        words = in_words(leaf["norm"]), in_words(leaf["gradient_norm"])
        table.add_row(name, *words, style="bold red" if not_finite else None)
    console.print(table)
    say(console, f"step      {found['step']} (epoch {found['epoch']})")
    say(console, f"loss      {in_words(found['loss'])}")
    norm = in_words(found["gradient_norm"])
    say(console, f"gradient  norm {norm}, not finite in {bad} of {len(found['leaves'])} parameters")


def in_words(number: float | str) -> str:
    """Return a number for people."""
    return number if isinstance(number, str) else f"{number:.6g}"
