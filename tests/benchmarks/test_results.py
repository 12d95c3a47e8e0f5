"""The rows of docs/results.md and how its tables come about."""

import importlib
import json
import sys

import pytest
import yaml

from bscl_jax import config
from tests.benchmarks.scripts import BENCHMARKS

DOCS = BENCHMARKS.parent / "docs"
TASKS = yaml.safe_load((BENCHMARKS / "results.yaml").read_text(encoding="utf-8"))
ROWS = [(task, row) for task in TASKS for row in TASKS[task]["rows"] if row != "before"]
ONE = {
    "measures": {"pairs/f1": ["F1 × 100", 100], "pairs/accuracy": ["accuracy", 1]},
    "rows": {
        "before": {"title": "before"},
        "mse": {"title": "MSE", "paper": [89.08]},
        "bsc": {"title": "BSC", "paper": [86.7]},
        "combo": {"title": "combo"},
    },
}


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("results_tables")
    sys.modules.pop("results_tables")


def summary(*values: float, half: float | None) -> dict:
    mean = sum(values) / len(values)
    ends = (None, None) if half is None else (mean - half, mean + half)
    score = {"baseline": 0.5, "mean": mean, "low": ends[0], "high": ends[1]}
    return {"seeds": [*range(len(values))], "test": {"pairs/f1": score, "pairs/accuracy": score}}


@pytest.mark.parametrize(("task", "row"), ROWS)
def test_a_row_is_a_config_of_its_task(task: str, row: str) -> None:
    settings = TASKS[task]["rows"][row]
    found = config.load(
        BENCHMARKS.parent / "configs" / f"{settings['config']}.yaml", settings.get("set", [])
    )
    assert found.data.kind == task
    assert len(settings.get("paper", [])) <= len(TASKS[task]["measures"])


def test_a_table_has_what_was_measured_and_the_papers_figures(script) -> None:
    rows = {"mse": summary(0.8, 0.9, half=0.021), "bsc": summary(0.75, half=None)}
    assert script.make_table(ONE, rows).splitlines() == [
        "|  | F1 × 100 | accuracy | runs | the paper, BERT-base |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| before | 50.00 | .500 |  |  |",
        "| MSE | 85.00 ± 2.10 | .850 ± .021 | 2 | 89.08 |",
        "| BSC | 75.00 | .750 | 1 | 86.70 |",
    ]
    assert script.make_table(ONE, {}) == "Not measured yet.\n"


def test_what_is_gathered_comes_from_the_runs_or_was_known(script, tmp_path) -> None:
    (tmp_path / "one" / "bsc").mkdir(parents=True)
    new, old = summary(0.6, half=None), {"seeds": [0], "test": {}}
    (tmp_path / "one" / "bsc" / "runs.json").write_text(json.dumps(new | {"dev": {}}))
    known = {"one": {"mse": old, "bsc": old, "gone": old}}
    assert script.gather({"one": ONE}, tmp_path, known) == {"one": {"mse": old, "bsc": new}}


def test_the_pages_tables_are_those_of_the_gathered_scores(script) -> None:
    page = (DOCS / "results.md").read_text(encoding="utf-8")
    gathered = json.loads((DOCS / "results.json").read_text(encoding="utf-8"))
    assert script.write_tables(page, TASKS, gathered) == page
    assert all(f"<!-- {task} -->\n" in page for task in TASKS)
    assert any(gathered.values())
