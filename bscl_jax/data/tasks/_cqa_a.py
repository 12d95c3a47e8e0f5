"""CQA-A: the comments below a question in a forum, ranked by whether they answer it."""

from os import PathLike

from bscl_jax.data.tasks._cqa import load_cqa
from bscl_jax.types import Task

GRADES = {"Good": 1.0, "PotentiallyUseful": 0.0, "Bad": 0.0}
EXTRA = "train_extra_2015"


def load(*, path: str | PathLike[str] = "../shared/data/cqa-a", extra: bool = False) -> Task:
    """Load SemEval task 3A.

    The folder holds ``train.tsv``, ``dev.tsv``, ``test.tsv`` and, if it is asked for,
    ``train_extra_2015.tsv`` with the columns ``query_id``, ``query`` (subject, `` [SEP] ``, body),
    ``doc`` and ``label`` (Good, PotentiallyUseful or Bad).

    Args:
        path: the folder.
        extra: train on the data of 2015 too, less the questions that are in dev or test.

    Returns:
        train: every comment with its question, 1 for Good, else 0. dev and test: ``"comments"``,
        for each question its comments.

    Raises:
        FileNotFoundError: if there is no such folder.
        DataError: if a file cannot be used.

    References:
        Nakov et al.: SemEval-2017 task 3, community question answering. SemEval 2017.
    """
    further = (EXTRA,) if extra else ()
    return load_cqa(path, data="CQA-A", grades=GRADES, extra=further, name="comments")
