import hashlib

import pytest

from bscl_jax.data import hash_splits, load_task
from bscl_jax.types import BinaryPairs, Pairs, RankingSet, RetrievalSet, ScoredPairs, Task
from tests.data.formats import FORMATS, write_as

ROWS = {
    "question": ["renew?", "é – naïve\U0001f4da", " spaces "],
    "answer": ["at the desk", "no", "online"],
    "grade": [5, 0, 2.5],
}
TRAIN = Pairs(["q1", "q2"], ["t1", "t2"], [1.0, 0.5], [["n"], []])


def load(folder, suffix: str, columns: dict) -> Task:
    files = {part: write_as(suffix, folder, part, columns) for part in ("train", "dev")}
    names = {"query": "question", "target": "answer", "label": "grade"}
    return load_task("pairs", **files, columns=names, label_range=(0, 5))


@pytest.fixture(scope="module")
def of_tsv(tmp_path_factory):
    return hash_splits(load(tmp_path_factory.mktemp("tsv"), "tsv", ROWS))


@pytest.mark.parametrize("suffix", FORMATS)
def test_format_and_order_of_columns_do_not_matter(suffix, of_tsv, tmp_path):
    assert hash_splits(load(tmp_path, suffix, dict(reversed(ROWS.items())))) == of_tsv


def test_every_set_has_a_hash_of_its_own(of_tsv):
    assert list(of_tsv) == ["train", "dev/pairs"]
    assert of_tsv["train"] != of_tsv["dev/pairs"]


def test_the_hash_is_that_of_lines_that_anyone_can_write():
    lines = 'queries\n"q1"\n"q2"\ntargets\n"t1"\n"t2"\nscores\n1.0\n0.5\nnegatives\n["n"]\n[]\n'
    digest = hashlib.sha256(lines.encode()).hexdigest()
    assert hash_splits(Task(TRAIN, {}, {})) == {"train": digest}


@pytest.mark.parametrize(
    ("rows", "changed"),
    [
        (TRAIN, {"queries": ["q2", "q1"]}),
        (TRAIN, {"targets": ["t1", "t3"]}),
        (TRAIN, {"scores": [1.0, 0.4]}),
        (TRAIN, {"scores": None}),
        (TRAIN, {"negatives": [[], ["n"]]}),
        (RetrievalSet(["q"], ["a", "b"], [[0]]), {"corpus": ["a", "c"]}),
        (RetrievalSet(["q"], ["a", "b"], [[0]]), {"relevant": [[1]]}),
        (ScoredPairs(["a"], ["b"], [1.0]), {"scores": [2.0]}),
        (BinaryPairs(["a", "c"], ["b", "d"], [1, 0]), {"labels": [0, 1]}),
        (RankingSet(["q"], [["a", "b"]], [[0.0, 1.0]]), {"documents": [["b", "a"]]}),
        (RankingSet(["q"], [["a", "b"]], [[0.0, 1.0]]), {"grades": [[1.0, 1.0]]}),
    ],
)
def test_every_text_and_score_counts(rows, changed):
    def of(each):
        task = Task(each, {}, {}) if isinstance(each, Pairs) else Task(TRAIN, {}, {"set": each})
        return hash_splits(task)

    assert of(rows) != of(rows._replace(**changed))


@pytest.mark.parametrize(
    ("rows", "changed"),
    [
        (RetrievalSet(["q"], ["a", "b"], [[0]]), {"depths": (7,)}),
        (RankingSet(["q"], [["a", "b"]], [[0.0, 1.0]]), {"threshold": 0.7}),
        (BinaryPairs(["a"], ["b"], [1]), {"fit": BinaryPairs(["c"], ["d"], [0])}),
    ],
)
def test_how_a_set_is_measured_does_not(rows, changed):
    hashes = [
        hash_splits(Task(TRAIN, {"set": each}, {})) for each in (rows, rows._replace(**changed))
    ]
    assert hashes[0] == hashes[1]
