"""Pairs with their negatives, written so that the readers read them again."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path

from bscl_jax.data._errors import DataError, quote
from bscl_jax.types import Pairs

SUFFIXES = (".jsonl", ".tsv")
DECIMALS = 9
"""Of a label that is brought back to its scale: what rounding adds comes after them."""


def check_suffix(path: str | PathLike[str]) -> None:
    """Refuse a file that ``write_pairs`` cannot write.

    Args:
        path: the file.

    Raises:
        DataError: if its suffix is not ``.jsonl`` or ``.tsv``.

    Example:
        >>> from bscl_jax.data import check_suffix
        >>> check_suffix("mined.jsonl")
    """
    if Path(path).suffix not in SUFFIXES:
        raise DataError(f"{path}: the suffix must be one of {', '.join(SUFFIXES)}")


def check_texts(path: str | PathLike[str], texts: Iterable[str]) -> None:
    r"""Refuse texts that ``write_pairs`` cannot write.

    Args:
        path: the file.
        texts: any.

    Raises:
        DataError: if one has a tab or a line end, which a TSV cannot hold.

    Example:
        >>> from bscl_jax.data import check_texts
        >>> check_texts("mined.jsonl", ["two\nlines"])
    """
    if Path(path).suffix != ".tsv":
        return
    for text in texts:
        if any(character in text for character in "\t\r\n"):
            raise DataError(
                f"{path}: a TSV cannot hold the tab or line end in {quote(text)}; write .jsonl"
            )


def name_columns(
    columns: Mapping[str, str], *, labelled: bool, num_negatives: int
) -> dict[str, str]:
    """Name the columns that ``write_pairs`` writes.

    Args:
        columns: as there.
        labelled: whether the pairs have scores.
        num_negatives: the most that a pair has.

    Returns:
        The names by parts.

    Raises:
        DataError: if two columns have one name.

    Example:
        >>> from bscl_jax.data import name_columns
        >>> name_columns({"query": "question"}, labelled=False, num_negatives=1)
        {'query': 'question', 'target': 'target', 'negative_1': 'negative_1'}
    """
    parts = ["query", "target"] + ["label"] * labelled
    names = {part: columns.get(part, part) for part in parts}
    names |= {f"negative_{i + 1}": f"negative_{i + 1}" for i in range(num_negatives)}
    if twice := [name for name, count in Counter(names.values()).items() if count > 1]:
        raise DataError(
            f"{quote(twice[0])} would be the name of two columns; give the column of the data "
            "another name"
        )
    return names


def write_pairs(
    path: str | PathLike[str],
    pairs: Pairs,
    *,
    columns: Mapping[str, str] | None = None,
    label_range: Sequence[float] = (0.0, 1.0),
) -> dict[str, str]:
    r"""Write pairs as ``.jsonl`` or ``.tsv``, with columns query, target, label and negatives.

    Args:
        path: the file, written anew; there is never half of one. In a TSV the missing negatives of
            a row are empty cells.
        pairs: n pairs.
        columns: the names of ``query``, ``target`` and ``label`` in the file; other parts are
            passed over. None, or a part that is missing, takes the names of the parts.
        label_range: lowest and highest label, to which scores of 0 and 1 are brought.

    Returns:
        ``columns`` for the task ``"pairs"``, with as many negatives as the longest row has.

    Raises:
        DataError: if the suffix is another one, two columns have one name, or a text has a tab or
            a line end, which a TSV cannot hold.

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
    check_suffix(path)
    path = Path(path)
    most = max(map(len, pairs.negatives or ()), default=0)
    labelled = pairs.scores is not None
    names = name_columns(columns or {}, labelled=labelled, num_negatives=most)
    rows = _rows(pairs, label_range)
    lines = _tsv_lines if path.suffix == ".tsv" else _json_lines
    aside = path.with_name(path.name + ".part")
    try:
        with aside.open("w", encoding="utf-8", newline="") as file:
            file.writelines(line + "\n" for line in lines(path, list(names.values()), rows))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return names


def _rows(pairs: Pairs, label_range: Sequence[float]) -> Iterator[list[str | float]]:
    low, high = label_range
    negatives = pairs.negatives or [()] * len(pairs.queries)
    for i, texts in enumerate(negatives):
        label = []
        if pairs.scores is not None:
            label = [round(low + float(pairs.scores[i]) * (high - low), DECIMALS)]
        yield [pairs.queries[i], pairs.targets[i], *label, *texts]


def _json_lines(
    path: Path, names: Sequence[str], rows: Iterator[list[str | float]]
) -> Iterator[str]:
    del path
    for row in rows:
        yield json.dumps(dict(zip(names, row, strict=False)), ensure_ascii=False)


def _tsv_lines(
    path: Path, names: Sequence[str], rows: Iterator[list[str | float]]
) -> Iterator[str]:
    yield "\t".join(names)
    for row in rows:
        texts = [str(cell) for cell in row]
        check_texts(path, texts)
        yield "\t".join(texts + [""] * (len(names) - len(texts)))
