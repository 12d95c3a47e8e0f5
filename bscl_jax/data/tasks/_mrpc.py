"""MRPC: pairs of sentences of the news that are paraphrases or are not."""

from os import PathLike

from bscl_jax.data.tasks._folder import read_folder
from bscl_jax.data.tasks._sentence_pairs import BINARY, binary_sets, training_pairs
from bscl_jax.types import Task


def load(*, path: str | PathLike[str] = "../shared/data/mrpc") -> Task:
    """Load the Microsoft research paraphrase corpus.

    The folder holds ``train.tsv``, ``dev.tsv`` and ``test.tsv`` with the columns ``sentence1``,
    ``sentence2`` and ``label`` (0 or 1).

    Args:
        path: the folder.

    Returns:
        train: the pairs with their labels. dev and test: ``"pairs"``; the threshold for the test
        is searched on dev. The paper's measure, F1 at the best threshold for the test pairs
        themselves, is ``best_f1``.

    Raises:
        FileNotFoundError: if there is no such folder.
        DataError: if a file cannot be used.

    References:
        Dolan, Brockett: Automatically constructing a corpus of sentential paraphrases. IWP 2005.
    """
    tables = read_folder(path, dict.fromkeys(("train", "dev", "test"), BINARY), data="MRPC")
    dev, test = binary_sets(tables["dev"], tables["test"])
    return Task(training_pairs(tables["train"]), dev, test)
