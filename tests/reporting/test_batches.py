import io
from typing import Any

from rich.console import Console

from bscl_jax.reporting import batch_rows, batches_table

RECORD: dict[str, Any] = {
    "epoch": 1,
    "batches": 3,
    "distinct_queries": 7.25,
    "duplicates": 0.0125,
    "known_positives": None,
    "similarity": 0.5,
    "hard": 0.1,
}


def test_each_epoch_is_a_row_and_what_has_no_value_a_dash() -> None:
    headers, rows = batch_rows([RECORD, RECORD | {"epoch": 2, "known_positives": 1.0}])
    assert headers[:2] == ["epoch", "distinct queries a batch"]
    assert rows == [
        ["1", "7.2", "1.25%", "–", "0.500", "10.00%"],
        ["2", "7.2", "1.25%", "100.00%", "0.500", "10.00%"],
    ]


def test_extra_candidates_have_columns_where_an_epoch_has_them() -> None:
    extra = {"extras": 7.0, "extra_similarity": 0.25, "extra_hard": 0.0}
    headers, rows = batch_rows([RECORD, RECORD | extra])
    assert headers[-3:] == ["extra candidates a batch", "their similarity", "hard among them"]
    assert [row[-3:] for row in rows] == [["–", "–", "–"], ["7.0", "0.250", "0.00%"]]


def test_no_epoch_makes_no_row() -> None:
    assert batch_rows([]).rows == []


def test_the_terminal_table_fits_a_narrow_one_and_keeps_its_numbers() -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(batches_table([RECORD], title="3 batches"))
    lines = console.file.getvalue().splitlines()  # pyright: ignore[reportAttributeAccessIssue]
    assert max(map(len, lines)) <= 80
    assert any("1.25%" in line and "10.00%" in line for line in lines)
