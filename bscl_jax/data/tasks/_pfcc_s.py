"""PFCC-S: tweets, each to be answered by the claim among 10,381 that checks it."""

from collections.abc import Collection, Sequence
from os import PathLike
from pathlib import Path
from typing import Literal

from bscl_jax.data._cells import as_text
from bscl_jax.data._content import normalize_text
from bscl_jax.data._errors import DataError, quote
from bscl_jax.data._retrieval import make_retrieval_set
from bscl_jax.data.tasks._folder import Columns, read_folder
from bscl_jax.data.tasks._held_out import hold_out
from bscl_jax.data.tasks._ranked_negatives import with_ranked_negatives
from bscl_jax.types import EvaluationSet, Pairs, Task

DEPTHS = (1, 5, 50)
PAIRS = {"query": as_text, "doc": as_text}
Pair = tuple[str, str]


def load(
    *,
    path: str | PathLike[str] = "../shared/data/pfcc-s",
    dev_share: float = 0.1,
    seed: int = 0,
    negatives: Literal["none", "ranks"] = "none",
) -> Task:
    """Load previously fact-checked claims (Snopes).

    The folder holds ``train.tsv`` and ``test.tsv`` with the columns ``query`` (a tweet) and ``doc``
    (the claim that checks it), and ``corpus.tsv`` with ``doc`` (all claims). There is no dev split:
    a share of the claims of the training file is held out with all their tweets, as no claim of the
    test is in training either.

    Args:
        path: the folder.
        dev_share: share of the training claims that are held out, between 0 and 1.
        seed: of that choice.
        negatives: ``"none"`` trains on the pairs as they are, all positive. ``"ranks"`` adds
            labelled negatives at ranks 100 · 2^k of the claims by their similarity to the tweet,
            and repeats each positive as often: for losses that need negatives of their own.

    Returns:
        train: tweets and claims. dev and test: ``"claims"``, the tweets against all claims, equal
        texts as one (10,369). A tweet that comes again is one query with both claims.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if an option cannot be.
        DataError: if a file cannot be used, or a claim is not in the corpus.

    Differs:
        The paper's code chooses the best epoch on the test tweets; the similarity of ``"ranks"`` is
        that of TF-IDF here, which needs no model.

    References:
        Shaar et al.: That is a known lie: detecting previously fact-checked claims. ACL 2020.
    """
    if negatives not in ("none", "ranks"):
        raise ValueError(f"negatives must be 'none' or 'ranks', was {negatives!r}")
    files = {"train": PAIRS, "test": PAIRS, "corpus": {"doc": as_text}}
    tables = read_folder(path, files, data="PFCC-S")
    corpus = tables["corpus"]["doc"]
    known = {normalize_text(text) for text in corpus}
    splits = {name: _pairs(Path(path), name, tables[name], known) for name in ("train", "test")}
    claims = [normalize_text(claim) for _, claim in splits["train"]]
    train, dev = hold_out(splits["train"], claims, share=dev_share, seed=seed)

    def sets(pairs: Sequence[Pair]) -> dict[str, EvaluationSet]:
        tweets, answers = zip(*pairs, strict=True)
        return {
            "claims": make_retrieval_set(tweets, answers, corpus=corpus)._replace(depths=DEPTHS)
        }

    pairs = Pairs(*(tuple(texts) for texts in zip(*train, strict=True)))
    if negatives == "ranks":
        pairs = with_ranked_negatives(pairs, corpus)
    return Task(pairs, sets(dev), sets(splits["test"]))


def _pairs(folder: Path, name: str, table: Columns, known: Collection[str]) -> list[Pair]:
    pairs = list(zip(table["query"], table["doc"], strict=True))
    missing = [claim for _, claim in pairs if normalize_text(claim) not in known]
    if missing:
        raise DataError(
            f"{folder / name}.tsv: {len(missing)} of its claims are not in corpus.tsv, the first "
            f"is {quote(missing[0])}; add them there"
        )
    return pairs
