"""``report.html``: one file that opens anywhere and says what was run and what came of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bscl_jax.reporting._batches import LEGEND, batch_rows, batches_note
from bscl_jax.reporting._plots import epoch_curves, step_curve
from bscl_jax.reporting._results import Ends, compare


def write_report(
    path: str | Path,
    *,
    title: str,
    records: Sequence[Mapping[str, Any]],
    baseline: Mapping[str, float],
    test: Mapping[str, float],
    summary: Mapping[str, str],
    settings: str,
    stages: Mapping[int, str] | None = None,
    batches: Sequence[Mapping[str, Any]] = (),
    intervals: Mapping[str, Ends] | None = None,
    note: str = "",
) -> None:
    """Write the report of a run.

    Args:
        path: the HTML file.
        title: its heading.
        records: the records of ``metrics.jsonl``.
        baseline: test measures before training, ``{"set/measure": value}``.
        test: test measures of the kept epoch; empty where there is no test split.
        summary: short facts by name (model, data, kept epoch, ...).
        settings: the resolved config as text.
        stages: names of the later stages of the run, by their first epoch, to mark in the plots.
        batches: what the batches of each epoch held, as ``batch_rows`` takes it.
        intervals: of the test measures, as ``compare`` takes them.
        note: what the intervals are of.

    Example:
        >>> import pathlib, tempfile
        >>> from bscl_jax.reporting import write_report
        >>> path = pathlib.Path(tempfile.mkdtemp(), "report.html")
        >>> write_report(
        ...     path, title="desk", records=[], baseline={}, test={}, summary={}, settings=""
        ... )
        >>> "<h1>desk</h1>" in path.read_text(encoding="utf-8")
        True
    """
    from jinja2 import Environment, PackageLoader

    template = Environment(
        loader=PackageLoader("bscl_jax.reporting", "."), autoescape=True, keep_trailing_newline=True
    ).get_template("report.html.jinja")
    html = template.render(
        title=title,
        summary=summary,
        rows=compare(baseline, test, intervals),
        note=note if intervals else "",
        plots=_plots(records, stages or {}),
        settings=settings,
        batches=batch_rows(batches),
        batch_plots=_batch_plots(batches),
        legend=LEGEND,
        batches_note=batches_note(batches),
    )
    Path(path).write_text(html, encoding="utf-8")


def _plots(records: Sequence[Mapping[str, Any]], stages: Mapping[int, str]) -> list[str]:
    steps = [record for record in records if record["event"] == "step"]
    numbers = [record["step"] for record in steps]
    evaluations = [record for record in records if record["event"] == "evaluation"]
    plots = _measure_plots(evaluations, {epoch - 0.5: name for epoch, name in stages.items()})
    taken = [record for record in records if record["event"] in ("step", "skip")]
    marks = {
        next(record["step"] for record in taken if record["epoch"] == epoch) - 0.5: name
        for epoch, name in stages.items()
    }
    for name, label in (
        ("loss", "training loss"),
        ("gradient_norm", "gradient norm, before clipping"),
        ("learning_rate", "learning rate"),
        ("temperature", "temperature"),
        ("bias", "bias of the logits"),
    ):
        if steps and name in steps[0]:
            values = [record[name] for record in steps]
            smooth = name == "loss"
            plots.append(step_curve(numbers, values, label=label, smooth=smooth, marks=marks))
    return plots


def _measure_plots(
    evaluations: Sequence[Mapping[str, Any]], marks: Mapping[float, str]
) -> list[str]:
    """One plot for each dev measure, with a line for each set that has it."""
    epochs = [record["epoch"] for record in evaluations]
    measures: dict[str, dict[str, list[float | None]]] = {}
    for record in evaluations:
        for name, value in record["dev"].items():
            group, _, measure = name.partition("/")
            measures.setdefault(measure, {}).setdefault(group, []).append(value)
    return [
        epoch_curves(epochs, curves, label=f"dev {measure}", marks=marks)
        for measure, curves in measures.items()
        if any(value is not None for values in curves.values() for value in values)
    ]


def _batch_plots(batches: Sequence[Mapping[str, Any]]) -> list[str]:
    """How similar and how hard negatives were, where there are epochs to compare."""
    epochs = [record["epoch"] for record in batches]
    plots = []
    for name, label in (
        ("similarity", "similarity of the negatives, at the start of the epoch"),
        ("hard", "share of hard negatives, at the start of the epoch"),
    ):
        curves: dict[str, list[float]] = {}
        for where, key in (("batch", name), ("extra", f"extra_{name}")):
            values = [record[key] for record in batches if record.get(key) is not None]
            if len(values) == len(epochs):
                curves[where] = values
        if len(epochs) > 1 and curves:
            plots.append(epoch_curves(epochs, curves, label=label))
    return plots
