"""Tasks whose rows are sentence1, sentence2, label: training pairs and binary sets of them."""

from collections.abc import Sequence

from bscl_jax.data._cells import as_text, one_of
from bscl_jax.data.tasks._folder import Columns
from bscl_jax.types import BinaryPairs, EvaluationSet, Pairs

TEXTS = {"sentence1": as_text, "sentence2": as_text}
BINARY = {**TEXTS, "label": one_of("0", "1")}
"""The columns of a file of pairs that are alike (1) or are not (0)."""


def training_pairs(table: Columns, *, highest: float = 1.0) -> Pairs:
    """Make training pairs, labels from 0 to ``highest`` brought to 0 to 1."""
    scores = tuple(float(label) / highest for label in table["label"])
    return Pairs(tuple(table["sentence1"]), tuple(table["sentence2"]), scores)


def binary_sets(
    dev: Columns, test: Columns
) -> tuple[dict[str, EvaluationSet], dict[str, EvaluationSet]]:
    """Make the dev and the test set, whose threshold is searched on dev."""
    chosen = _binary_pairs(dev)
    return {"pairs": chosen}, {"pairs": _binary_pairs(test)._replace(fit=chosen)}


def joined(tables: Sequence[Columns]) -> Columns:
    """Put tables of the same columns under one another."""
    return {name: [cell for table in tables for cell in table[name]] for name in tables[0]}


def chosen_rows(table: Columns, rows: Sequence[int]) -> Columns:
    """Keep some rows of a table."""
    return {name: [cells[row] for row in rows] for name, cells in table.items()}


def _binary_pairs(table: Columns) -> BinaryPairs:
    labels = tuple(int(label) for label in table["label"])
    return BinaryPairs(tuple(table["sentence1"]), tuple(table["sentence2"]), labels)
