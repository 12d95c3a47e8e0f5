"""What a run leaves behind: scores of the kept epoch, model, report, results."""

from typing import Any, NamedTuple

from rich.console import Console

from bscl_jax import assemble, checkpoint, export, reporting, training
from bscl_jax import config as configs
from bscl_jax.cli._data import count_data
from bscl_jax.cli._folder import RunError, RunFolder
from bscl_jax.cli._say import say
from bscl_jax.cli._stages import count_stages, describe_stages
from bscl_jax.types import Params


class Kept(NamedTuple):
    """The epoch that is kept.

    Attributes:
        epoch: its number; 0 is the model before training.
        dev: its dev scores; None where one is not defined.
        params: its parameters.
    """

    epoch: int
    dev: dict[str, float | None]
    params: Params


def restore_kept(
    checkpoints: checkpoint.Checkpoints, outcome: training.Outcome, measure: str
) -> Kept:
    """Return the epoch that was best by the dev measure.

    Raises:
        RunError: the measure is defined in no epoch, so that none is the best.
    """
    if outcome.best is None:
        raise RunError(
            f"evaluation.measure {measure} is defined in no epoch: the model gives every pair of "
            "that set the same similarity; look at the texts of the set, or choose another "
            "measure and another folder with --set run.dir=…"
        )
    epoch = outcome.best.epoch
    tree, _ = checkpoints.restore_best({"params": outcome.state.params}, partial=True)
    return Kept(epoch, outcome.evaluations[epoch]["dev"], tree["params"])


def finish(
    config: configs.Config,
    folder: RunFolder,
    road: assemble.Road,
    kept: Kept,
    baseline: dict[str, float],
) -> dict[str, Any]:
    """Score the kept epoch on the test split, once; write model, report and, last, results.

    Args:
        config: the run.
        folder: where it lives.
        road: its functions.
        kept: the epoch that was best on dev.
        baseline: test scores before training.

    Returns:
        What ``results.json`` holds.
    """
    stage = assemble.stage_of(road.stages, kept.epoch)
    temperature = assemble.temperature(stage.section.loss, kept.params)
    results = {
        "baseline": baseline,
        "dev": kept.dev,
        "test": road.evaluate(kept.params, road.task.test),
        "best_epoch": kept.epoch,
        "temperature": temperature,
        "data": count_data(road.task),
    }
    if config.stages:
        results |= {"best_stage": stage.name, "stages": count_stages(road.stages)}
    facts = describe(config, road, results)
    if config.export.format == "sentence_transformers":
        card = reporting.model_card(
            title=folder.path.name,
            base_model=base_model(config),
            baseline=baseline,
            test=results["test"],
            facts=facts,
            settings=configs.dump(config),
        )
        weights = assemble.weights_of(config.encoder, kept.params)
        export.sentence_transformers(
            folder.model, road.encoder, weights, card=card, temperature=temperature
        )
    reporting.write_report(
        folder.report,
        title=folder.path.name,
        records=reporting.read_metrics(folder.metrics),
        baseline=baseline,
        test=results["test"],
        stages={stage.epochs[0]: stage.name for stage in road.stages[1:]},
        summary=facts,
        settings=configs.dump(config),
        batches=folder.read_batches(),
    )
    folder.write_results(results)
    return results


def describe(
    config: configs.Config, road: assemble.Road, results: dict[str, Any]
) -> dict[str, str]:
    """Return the short facts of a run that report and model card show."""
    facts = {
        "model": f"{base_model(config)} ({road.encoder.source})",
        "data": f"{config.data.kind}, {len(road.task.train.queries)} training pairs",
        "kept": f"epoch {results['best_epoch']} of {road.stages[-1].epochs[-1]}, "
        f"the best by dev {config.evaluation.measure}",
    }
    if config.stages:
        facts["stages"] = describe_stages(road.stages)
        facts["kept"] += f", in stage {results['best_stage']}"
    notes = [
        f"{name.replace('_', ' ')}: {count}"
        for name, count in results["data"].items()
        if count and name.endswith(("queries_in_both", "pairs_in_both", "_rejected"))
    ]
    if notes:
        facts["to note of the data"] = "; ".join(notes)
    if results["temperature"] is not None:
        facts["temperature"] = f"{results['temperature']:.4f}"
    return facts


def base_model(config: configs.Config) -> str:
    """Return what was fine-tuned, as the model card names it."""
    section = config.encoder
    return section.name if isinstance(section, configs.PretrainedEncoder) else "a random encoder"


def show_results(console: Console, folder: RunFolder, results: dict[str, Any]) -> None:
    """Print baseline → trained on the test split, and by how much each retrieval set rose."""
    baseline, test = results["baseline"], results["test"]
    if test:
        title = "test split, before and after training"
        console.print(reporting.results_table(baseline, test, title=title))
    for row in reporting.compare(baseline, test):
        if row.measure == "mrr":
            verb = "beats" if row.gain > 0 else "does not beat"
            say(console, f"{row.set}: MRR {row.trained:.4f} {verb} the baseline ({row.gain:+.4f})")
    say(console, f"report  {folder.report}")
    if folder.model.is_dir():
        say(console, f"model   {folder.model}")
