"""Every defect in every format that can express it: one error, or exact counts."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from bscl_jax.data import read_table
from tests.data.damaged_files import DAMAGES
from tests.data.defects import CANNOT, DEFECTS, Defect
from tests.data.expectations import (
    ON_ERROR,
    PARSERS,
    PASSING,
    check_message,
    check_passed_over,
    refusal,
)
from tests.data.harmless import ODDITIES
from tests.data.tables import FORMATS, draw, expected

NUM_ROWS = 7

CASES = [
    pytest.param(defect, suffix, id=f"{defect.name}-{suffix}")
    for defect in DEFECTS
    for suffix in FORMATS
    if defect.words[suffix] is not CANNOT
]


def places(defect: Defect, num_rows: int) -> Sequence[int]:
    """Return the first, a middle and the last row, where the defect is one."""
    spared = {row % num_rows for row in defect.spares}
    return [row for row in (0, num_rows // 2, num_rows - 1) if row not in spared]


@pytest.mark.parametrize(("defect", "suffix"), CASES)
def test_a_defect_is_named_or_its_row_alone_is_passed_over(tmp_path, defect, suffix):
    for row in places(defect, NUM_ROWS):
        draft = draw(suffix, Random(row), num_rows=NUM_ROWS)
        defect.spoil(draft, row)
        path = draft.write(tmp_path)
        check_message(refusal(path), path, draft, row, defect)
        for on_error in PASSING:
            table = read_table(path, PARSERS, on_error=on_error)
            check_passed_over(table, path, draft, {row: defect}, tmp_path)


DAMAGED = [
    pytest.param(damage, suffix, id=f"{damage.name}-{suffix}")
    for damage in DAMAGES
    for suffix in FORMATS
    if damage.words[suffix] is not CANNOT
]


@pytest.mark.parametrize(("damage", "suffix"), DAMAGED)
def test_a_damaged_file_is_refused_whatever_is_to_become_of_rows(tmp_path, damage, suffix):
    path = damage.write(draw(suffix, Random(0), num_rows=NUM_ROWS), tmp_path)
    for on_error in ON_ERROR:
        message = refusal(path, on_error)
        assert message.startswith(f"{path}{damage.place}")
        assert damage.words[suffix] in message


ODD = [
    pytest.param(oddity, suffix, id=f"{oddity.name}-{suffix}")
    for oddity in ODDITIES
    for suffix in oddity.formats
]


@pytest.mark.parametrize(("oddity", "suffix"), ODD)
def test_what_is_odd_and_does_no_harm_is_read(tmp_path, oddity, suffix):
    draft = draw(suffix, Random(0), num_rows=NUM_ROWS)
    oddity.put(draft)
    table = read_table(draft.write(tmp_path), PARSERS)
    assert table.columns == expected(draft, range(NUM_ROWS))
    assert table.rejected == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch, suffix):
    def refuse(path, *arguments, **keywords):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    path = draw(suffix, Random(0)).write(tmp_path)
    monkeypatch.setattr(Path, "open", refuse)
    expected = f"{path}: the file cannot be read (Permission denied); check its permissions"
    assert {refusal(path, on_error) for on_error in ON_ERROR} == {expected}
