"""CQA-B: questions asked before in a forum, ranked by whether they are the same as a new one."""

from os import PathLike

from bscl_jax.data.tasks._cqa import load_cqa
from bscl_jax.types import Task

GRADES = {"PerfectMatch": 1.0, "Relevant": 1.0, "Irrelevant": 0.0}
EXTRA = "train_part2"


def load(*, path: str | PathLike[str] = "../shared/data/cqa-b", extra: bool = True) -> Task:
    """Load SemEval task 3B.

    The folder holds ``train.tsv``, ``dev.tsv``, ``test.tsv`` and, unless it is not wanted,
    ``train_part2.tsv`` with the columns ``query_id``, ``query`` and ``doc`` (each subject,
    `` [SEP] ``, body) and ``label`` (PerfectMatch, Relevant or Irrelevant).

    Args:
        path: the folder.
        extra: train on the second part too, less the questions that are in dev or test.

    Returns:
        train: every old question with the new one, 1 for PerfectMatch and Relevant, else 0. dev
        and test: ``"questions"``, for each new question its old ones.

    Raises:
        FileNotFoundError: if there is no such folder.
        DataError: if a file cannot be used.

    References:
        Nakov et al.: SemEval-2017 task 3, community question answering. SemEval 2017.
    """
    further = (EXTRA,) if extra else ()
    return load_cqa(path, data="CQA-B", grades=GRADES, extra=further, name="questions")
