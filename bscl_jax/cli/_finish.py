"""What a run leaves behind: scores of the kept epoch, model, report, results."""

from typing import Any

from rich.console import Console

from bscl_jax import assemble, export, reporting, training
from bscl_jax import config as configs
from bscl_jax.cli._folder import RunFolder
from bscl_jax.types import Params


def finish(
    config: configs.Config,
    folder: RunFolder,
    road: assemble.Road,
    outcome: training.Outcome,
    params: Params,
    baseline: dict[str, float],
) -> dict[str, Any]:
    """Score the kept epoch on the test split, once; write model, report and, last, results.

    Args:
        config: the run.
        folder: where it lives.
        road: its functions.
        outcome: what training came to.
        params: of the kept epoch.
        baseline: test scores before training.

    Returns:
        What ``results.json`` holds.
    """
    if outcome.best is None:
        raise RuntimeError("no epoch has a dev score; metrics.jsonl says what the epochs gave")
    temperature = assemble.temperature(config.loss, params)
    results = {
        "baseline": baseline,
        "dev": outcome.evaluations[outcome.best.epoch]["dev"],
        "test": road.evaluate(params, road.task.test),
        "best_epoch": outcome.best.epoch,
        "temperature": temperature,
    }
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
        export.sentence_transformers(
            folder.model, road.encoder, params["encoder"], card=card, temperature=temperature
        )
    reporting.write_report(
        folder.report,
        title=folder.path.name,
        records=reporting.read_metrics(folder.metrics),
        baseline=baseline,
        test=results["test"],
        summary=facts,
        settings=configs.dump(config),
    )
    folder.write_results(results)
    return results


def describe(
    config: configs.Config, road: assemble.Road, results: dict[str, Any]
) -> dict[str, str]:
    """Return the short facts of a run that report and model card show."""
    facts = {
        "model": road.encoder.source,
        "data": f"{config.data.kind}, {len(road.task.train.queries)} training pairs",
        "kept": f"epoch {results['best_epoch']} of {config.training.epochs}, "
        f"the best by dev {config.evaluation.measure}",
    }
    if results["temperature"] is not None:
        facts["temperature"] = f"{results['temperature']:.4f}"
    return facts


def base_model(config: configs.Config) -> str:
    """Return what was fine-tuned, as the model card names it."""
    section = config.encoder
    return f"`{section.name}`" if isinstance(section, configs.PretrainedEncoder) else "scratch"


def show_results(console: Console, folder: RunFolder, results: dict[str, Any]) -> None:
    """Print baseline → trained on the test split, and by how much each retrieval set rose."""
    baseline, test = results["baseline"], results["test"]
    if test:
        title = "test split, before and after training"
        console.print(reporting.results_table(baseline, test, title=title))
    for row in reporting.compare(baseline, test):
        if row.measure == "mrr":
            verb = "beats" if row.gain > 0 else "does not beat"
            console.print(f"{row.set}: MRR {row.trained:.4f} {verb} the baseline ({row.gain:+.4f})")
    console.print(f"report  {folder.report}", soft_wrap=True)
    if folder.model.is_dir():
        console.print(f"model   {folder.model}", soft_wrap=True)
