"""QQP: pairs of questions that ask the same or do not."""

from os import PathLike

from bscl_jax.data.tasks._draw import draw
from bscl_jax.data.tasks._folder import Columns, read_folder
from bscl_jax.data.tasks._sentence_pairs import (
    BINARY,
    binary_sets,
    chosen_rows,
    joined,
    training_pairs,
)
from bscl_jax.types import Task

EXTRA = "train_extra_positives"


def load(
    *,
    path: str | PathLike[str] = "../shared/data/qqp",
    num_train: int | None = None,
    extra: bool = False,
    seed: int = 0,
) -> Task:
    """Load Quora question pairs.

    The folder holds ``train.tsv``, ``dev.tsv``, ``test.tsv`` and, if it is asked for,
    ``train_extra_positives.tsv`` with the columns ``sentence1``, ``sentence2`` and ``label``
    (0 or 1).

    Args:
        path: the folder.
        num_train: so many training pairs, drawn at random (the paper: 10,000); None takes all.
        extra: draw from the extra positives too.
        seed: of the draw.

    Returns:
        train: the pairs with their labels. dev and test: ``"pairs"``, as for ``"mrpc"``.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if ``num_train`` is more than there are.
        DataError: if a file cannot be used.
    """
    names = ("train", "dev", "test", *([EXTRA] if extra else []))
    tables = read_folder(path, dict.fromkeys(names, BINARY), data="QQP")
    train = joined([tables["train"], tables[EXTRA]]) if extra else tables["train"]
    dev, test = binary_sets(tables["dev"], tables["test"])
    return Task(training_pairs(_drawn(train, num_train, seed)), dev, test)


def _drawn(table: Columns, num: int | None, seed: int) -> Columns:
    if num is None:
        return table
    pairs = [f"{a}\n{b}" for a, b in zip(table["sentence1"], table["sentence2"], strict=True)]
    if num > len(pairs):
        raise ValueError(
            f"num_train must be at most the {len(pairs)} pairs there are, was {num}; "
            "leave it out to take all"
        )
    return chosen_rows(table, draw(pairs, num, seed=seed))
