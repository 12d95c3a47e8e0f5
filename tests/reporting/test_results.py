import io

from rich.console import Console

from bscl_jax.reporting import compare, results_markdown, results_table

BASELINE = {"seen/mrr": 0.5, "seen/map": 0.5, "pairs/spearman": 0.9, "only/before": 1.0}
TRAINED = {"seen/mrr": 0.75, "seen/map": 0.5, "pairs/spearman": 0.8}


def test_rows_are_the_measures_after_training_with_their_gain() -> None:
    gains = {(row.set, row.measure): round(row.gain, 6) for row in compare(BASELINE, TRAINED)}
    assert gains == {("seen", "mrr"): 0.25, ("seen", "map"): 0.0, ("pairs", "spearman"): -0.1}


def test_a_measure_that_was_not_defined_before_training_has_no_gain() -> None:
    trained = TRAINED | {"new/mrr": 0.25}
    assert [row.gain for row in compare(BASELINE, trained)][-1] is None
    assert "| new | mrr | – | 0.2500 | – |" in results_markdown(BASELINE, trained)
    console = Console(file=io.StringIO(), width=80)
    console.print(results_table(BASELINE, trained, title="test"))
    text = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert text.count("–") == 2


def test_the_markdown_table_has_signed_gains() -> None:
    assert "| seen | mrr | 0.5000 | 0.7500 | +0.2500 |" in results_markdown(BASELINE, TRAINED)
    assert "| pairs | spearman | 0.9000 | 0.8000 | -0.1000 |" in results_markdown(BASELINE, TRAINED)


def test_the_terminal_table_names_each_set_once() -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(results_table(BASELINE, TRAINED, title="test"))
    text = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert text.count("seen") == 1
    assert "+0.2500" in text
    assert "-0.1000" in text
