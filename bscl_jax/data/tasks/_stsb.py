"""STSb: pairs of sentences graded 0 to 5 for how much they mean the same."""

from os import PathLike

from bscl_jax.data._cells import as_score
from bscl_jax.data.tasks._folder import Columns, read_folder
from bscl_jax.data.tasks._sentence_pairs import TEXTS, training_pairs
from bscl_jax.types import ScoredPairs, Task

HIGHEST = 5.0
COLUMNS = {**TEXTS, "label": as_score(0.0, HIGHEST)}


def load(*, path: str | PathLike[str] = "../shared/data/stsb") -> Task:
    """Load the semantic textual similarity benchmark.

    The folder holds ``train.tsv``, ``dev.tsv`` and ``test.tsv`` with the columns ``sentence1``,
    ``sentence2`` and ``label`` (0 to 5).

    Args:
        path: the folder.

    Returns:
        train: the pairs, grades brought to [0, 1]. dev and test: ``"pairs"``, scored pairs with
        the grades as they are; the paper's measure is ``spearman`` times 100.

    Raises:
        FileNotFoundError: if there is no such folder.
        DataError: if a file cannot be used.

    References:
        Cer et al.: SemEval-2017 task 1, semantic textual similarity. SemEval 2017.
    """
    tables = read_folder(path, dict.fromkeys(("train", "dev", "test"), COLUMNS), data="STSb")
    return Task(
        train=training_pairs(tables["train"], highest=HIGHEST),
        dev={"pairs": _scored(tables["dev"])},
        test={"pairs": _scored(tables["test"])},
    )


def _scored(table: Columns) -> ScoredPairs:
    return ScoredPairs(tuple(table["sentence1"]), tuple(table["sentence2"]), tuple(table["label"]))
