"""What a run leaves behind: scores of the kept epoch, model, report, results."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from rich.console import Console

from bscl_jax import assemble, checkpoint, evaluation, parallel, reporting, training
from bscl_jax import config as configs
from bscl_jax.cli._folder import RunError, RunFolder
from bscl_jax.cli._kept import (
    Kept,
    binary_sets,
    describe,
    describe_kept,
    restore_best,
    unmeasured_sets,
)
from bscl_jax.cli._model import write_model
from bscl_jax.cli._not_defined import describe_undefined
from bscl_jax.cli._say import say

INTERVAL = (
    "95 % by the bootstrap, over the queries of the test set (its pairs, where pairs are scored) "
    "only; neither seeds nor training texts are drawn anew"
)
"""What the intervals are of."""


def restore_kept(
    checkpoints: checkpoint.Checkpoints, outcome: training.Outcome, measure: str
) -> Kept:
    """Return the epoch that was best by the dev measure, of those whose checkpoint is whole.

    Raises:
        RunError: the measure is defined in no epoch, so that none is the best.
    """
    if outcome.best is None:
        raise RunError(
            f"evaluation.measure {measure} is defined in no epoch: the model gives every pair of "
            "that set the same similarity, or one that is not finite; look at the texts of the "
            "set, or choose another measure and another folder with --set run.dir=…"
        )
    params, best = outcome.state.params, outcome.best.epoch
    kept = parallel.together(partial(restore_best, checkpoints, params, measure, best))
    parallel.check_same({"checkpoint of the best epoch": str(kept.epoch)})
    return kept


def finish(
    config: configs.Config,
    folder: RunFolder,
    road: assemble.Road,
    kept: Kept,
    before: Mapping[str, evaluation.Observation],
) -> dict[str, Any]:
    """Score the kept epoch on the test split, once; write model, report and, last, results.

    Args:
        config: the run.
        folder: where it lives.
        road: its functions.
        kept: the epoch that was best on dev.
        before: what the model before training shows on the test split.

    Returns:
        What ``results.json`` holds.
    """
    fitted, unmeasured = binary_sets(road.task), unmeasured_sets(road.task, kept)
    observed = road.observe(kept.params, fitted | unmeasured | road.task.test)
    after = {name: observed[name] for name in road.task.test}
    of_dev = {name.removeprefix("dev/"): observed[name] for name in unmeasured}
    threshold = evaluation.fitted_threshold({name: observed[name] for name in fitted})
    results = {
        "baseline": evaluation.summarize(before),
        "dev": kept.dev,
        "test": evaluation.summarize(after),
        "intervals": evaluation.intervals(before, after),
        "interval": INTERVAL,
        "not_defined": {
            "baseline": evaluation.undefined(before),
            "dev": evaluation.undefined(of_dev),
            "test": evaluation.undefined(after),
        },
        **describe_kept(config, road, kept, threshold),
    }
    parallel.by_first(partial(leave, config, folder, road, kept, results))
    return results


def leave(
    config: configs.Config,
    folder: RunFolder,
    road: assemble.Road,
    kept: Kept,
    results: dict[str, Any],
) -> None:
    """Write model, report and, last, results, as one of the processes alone can."""
    if config.export.format == "sentence_transformers":
        kept = kept._replace(params=parallel.to_local(kept.params))
        write_model(folder.model, config, road, kept, results, title=folder.path.name)
    reporting.write_report(
        folder.report,
        title=folder.path.name,
        records=reporting.read_metrics(folder.metrics),
        baseline=results["baseline"],
        test=results["test"],
        intervals=results["intervals"],
        note=results["interval"],
        stages={stage.epochs[0]: stage.name for stage in road.stages[1:]},
        summary=describe(config, road, kept, results),
        settings=configs.dump(config),
        batches=folder.read_batches(),
    )
    folder.write_results(results)


def show_results(console: Console, folder: RunFolder, results: dict[str, Any]) -> None:
    """Print baseline → trained on the test split, and by how much each retrieval set rose."""
    baseline, test = results["baseline"], results["test"]
    if test:
        title = "test split, before and after training"
        console.print(reporting.results_table(baseline, test, title=title))
    for row in reporting.compare(baseline, test):
        if row.measure == "mrr" and row.gain is not None:
            verb = "beats" if row.gain > 0 else "does not beat"
            say(console, f"{row.set}: MRR {row.trained:.4f} {verb} the baseline ({row.gain:+.4f})")
    for line in describe_undefined(results.get("not_defined", {})):
        say(console, f"not defined on {line}")
    say(console, f"report  {folder.report}")
    if folder.model.is_dir():
        say(console, f"model   {folder.model}")
