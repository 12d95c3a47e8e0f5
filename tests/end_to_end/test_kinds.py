"""Runs on files of the user's own that are judged by lists, and by a corpus."""

from pathlib import Path

import pytest

from tests.end_to_end import tiny

SCALE = "columns: {query: query, target: target, label: grade}, label_range: [0, 5]"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The tiny run, with a file of lists, one of answers and a corpus beside it."""
    path = tiny.write(tmp_path)
    write(tmp_path / "lists.tsv", [(f"who has {i}?", f"desk {j}", i * j % 6) for i, j in CELLS])
    write(tmp_path / "answers.tsv", [(f"who has {i}?", f"desk {j}", 5 * (i > j)) for i, j in CELLS])
    write(tmp_path / "corpus.tsv", [("", f"desk {j}", "") for j in range(6)])
    return path


CELLS = [(i, j) for i in range(4) for j in range(3)]


def write(path: Path, rows: list[tuple]) -> None:
    lines = ["query\ttarget\tgrade", *("\t".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def train(path: Path, kind: str, dev: str, more: str = "") -> dict:
    folder = path.parent
    data = f"kind: {kind}, train: {folder}/train.tsv, dev: {folder}/{dev}, {SCALE}{more}"
    fast = [option for option in tiny.FAST if "data.test" not in option]
    overrides = (f"data={{{data}}}", f"evaluation.measure={kind}/map", *fast)
    with tiny.shared_step("kinds"):
        assert tiny.train(path, folder / kind, *overrides) == 0
    return tiny.results(folder / kind)


def test_graded_lists_train_and_judge(path, capsys):
    results = train(path, "lists", "lists.tsv")
    measures = {"mrr", "map", *(f"{m}@{k}" for m in ("precision", "ndcg") for k in (1, 5))}
    assert {f"lists/{measure}" for measure in measures} < results["dev"].keys()
    assert tiny.is_finite(results["dev"])
    assert results["data"]["dev/queries_without_positive"] == 2
    assert "warning: dev: 2 queries have no positive document" in capsys.readouterr().out


def test_a_corpus_is_searched(path, capsys):
    more = f", corpus: {path.parent}/corpus.tsv, depths: [2], on_error: skip"
    with (path.parent / "corpus.tsv").open("a") as file:
        file.write("\t \t\n")
    results = train(path, "retrieval", "answers.tsv", more)
    assert results["dev"].keys() == {"retrieval/mrr", "retrieval/map", "retrieval/has_positive@2"}
    assert results["data"]["corpus/rows_rejected"] == 1
    out = capsys.readouterr().out
    assert "warning: corpus: 1 of 7 rows were passed over" in out
    assert "warning: dev: 1 queries have no positive document" in out
