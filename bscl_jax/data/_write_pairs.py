"""Pairs with their negatives, written so that the readers read them again."""

import json
from os import PathLike
from pathlib import Path

from bscl_jax.data._errors import DataError, quote
from bscl_jax.types import Pairs

SUFFIXES = (".jsonl", ".tsv")


def write_pairs(path: str | PathLike[str], pairs: Pairs) -> dict[str, str]:
    r"""Write pairs as ``.jsonl`` or ``.tsv``, with columns query, target, label and negatives.

    Args:
        path: the file, written anew. In a TSV the missing negatives of a row are empty cells.
        pairs: n pairs; scores become labels from 0 to 1.

    Returns:
        ``columns`` for the task ``"pairs"``, with as many negatives as the longest row has.

    Raises:
        DataError: if the suffix is another one, or a text has a tab or a line end, which a TSV
            cannot hold.

    Example:
        >>> import pathlib, tempfile
        >>> from bscl_jax.data import write_pairs
        >>> from bscl_jax.types import Pairs
        >>> pairs = Pairs(["renew?"], ["extend"], None, [["fax"]])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "mined.jsonl")
        ...     columns = write_pairs(path, pairs)
        ...     columns["negative_1"], path.read_text(encoding="utf-8")
        ('negative_1', '{"query": "renew?", "target": "extend", "negative_1": "fax"}\n')
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise DataError(f"{path}: the suffix must be one of {', '.join(SUFFIXES)}")
    negatives = pairs.negatives or [()] * len(pairs.queries)
    names = ["query", "target"] + ["label"] * (pairs.scores is not None)
    names += [f"negative_{i + 1}" for i in range(max(map(len, negatives), default=0))]
    rows = []
    for i, texts in enumerate(negatives):
        label = [] if pairs.scores is None else [float(pairs.scores[i])]
        rows.append([pairs.queries[i], pairs.targets[i], *label, *texts])
    if path.suffix == ".tsv":
        lines = ["\t".join(names), *(_tsv_line(path, row, len(names)) for row in rows)]
    else:
        lines = [
            json.dumps(dict(zip(names, row, strict=False)), ensure_ascii=False) for row in rows
        ]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="")
    return {name: name for name in names}


def _tsv_line(path: Path, row: list[str | float], cells: int) -> str:
    texts = [str(cell) for cell in row]
    for text in texts:
        if any(character in text for character in "\t\r\n"):
            raise DataError(
                f"{path}: a TSV cannot hold the tab or line end in {quote(text)}; write .jsonl"
            )
    return "\t".join(texts + [""] * (cells - len(texts)))
