"""Files in which several rows are spoiled at once, in ways drawn at random."""

from pathlib import Path
from random import Random

import pytest

from bscl_jax.data import read_table
from tests.data.defects import CANNOT, DEFECTS, Defect
from tests.data.expectations import (
    PARSERS,
    PASSING,
    check_passed_over,
    check_refusal,
    refusal,
)
from tests.data.harmless import ODDITIES
from tests.data.tables import FORMATS, Draft, draw

ALONE = {
    "line ends of two kinds",
    "carriage returns alone",
    "a text of 200,000 characters",
    "a column more",
    "columns in another order",
    "large texts",
    "texts in a dictionary",
    "scores of a byte",
    "scores of two bytes",
    "scores that are truths",
}
"""Oddities that change what a defect would be: they ask for other cells, or for one type of all."""


def compose(random: Random) -> tuple[Draft, dict[int, Defect]]:
    """Draw a table, some oddities and some rows, and spoil these."""
    draft = draw(random.choice(FORMATS), random, num_rows=random.randint(4, 12))
    num_rows = len(draft.rows)
    odd = [each for each in ODDITIES if draft.suffix in each.formats and each.name not in ALONE]
    for oddity in random.sample(odd, k=random.randint(0, 4)):
        oddity.put(draft)
    known = [defect for defect in DEFECTS if defect.words[draft.suffix] is not CANNOT]
    spoiled: dict[int, Defect] = {}
    for row in sorted(random.sample(range(num_rows), k=random.randint(1, num_rows))):
        defect = random.choice(known)
        if row not in {spared % num_rows for spared in defect.spares}:
            defect.spoil(draft, row)
            spoiled[row] = defect
    return draft, spoiled


def check(draft: Draft, spoiled: dict[int, Defect], folder: Path) -> None:
    """Hold what is read of the file, under every policy, to what was put into it."""
    path = draft.write(folder)
    if not spoiled:
        check_passed_over(read_table(path, PARSERS), path, draft, spoiled, folder)
        return
    check_refusal(refusal(path), path, draft, spoiled)
    for on_error in PASSING:
        if len(spoiled) == len(draft.rows):
            assert f"{len(spoiled)} errors in {path}" in refusal(path, on_error)
        else:
            table = read_table(path, PARSERS, on_error=on_error)
            check_passed_over(table, path, draft, spoiled, folder)


def check_many(seed: int, num_files: int, folder: Path) -> None:
    for number in range(num_files):
        draft, spoiled = compose(Random(f"{seed} {number}"))
        try:
            check(draft, spoiled, folder)
        except BaseException as error:
            names = {row: defect.name for row, defect in spoiled.items()}
            error.add_note(f"file {number} of seed {seed}, {draft.suffix}, spoiled: {names}")
            raise


@pytest.mark.parametrize("seed", range(4))
def test_files_with_several_defects_are_read_exactly(tmp_path, seed):
    check_many(seed, 60, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 110))
def test_ten_thousand_files_with_several_defects_are_read_exactly(tmp_path, seed):
    check_many(seed, 1000, tmp_path)
