"""Our evaluation and sentence-transformers' evaluators on the same embeddings.

Torch runs in a Python of its own (``conftest.py``). What stands for the model there gives each text
the vector that ours gets.
"""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bscl_jax.evaluation import evaluate
from bscl_jax.types import BinaryPairs, EvaluationSet, RankingSet, RetrievalSet, ScoredPairs

TOLERANCE = 1e-6  # float32 cosines, summed in another order
NUM_TEXTS, NUM_QUERIES, DIMENSION, LENGTH = 60, 25, 8, 5
TEXTS = [f"text {i}" for i in range(NUM_TEXTS)]

THEIRS = """
import json, sys
from unittest.mock import Mock
import numpy as np
import torch
from sentence_transformers.sentence_transformer import evaluation
from sentence_transformers.util import cos_sim

given = json.load(open(sys.argv[1], encoding="utf-8"))
vectors = dict(zip(given["texts"], np.array(given["vectors"], np.float32)))


class Model:
    similarity_fn_name = "cosine"
    similarity = staticmethod(cos_sim)
    model_card_data = Mock()

    def encode(self, texts, convert_to_tensor=False, **_):
        found = np.stack([vectors[text] for text in texts])
        return torch.tensor(found) if convert_to_tensor else found

    encode_query = encode_document = encode


pairs = given["first"], given["second"]
queries = {str(i): text for i, text in enumerate(given["queries"])}
corpus = {str(i): text for i, text in enumerate(given["texts"])}
relevant = {str(i): set(map(str, found)) for i, found in enumerate(given["relevant"])}
depths = given["depths"]
samples = [
    {
        "query": query,
        "positive": [text for text, grade in zip(documents, grades) if grade],
        "negative": [text for text, grade in zip(documents, grades) if not grade],
    }
    for query, documents, grades in zip(given["queries"], given["documents"], given["grades"])
]
evaluators = {
    "graded": evaluation.EmbeddingSimilarityEvaluator(*pairs, given["scores"]),
    "alike": evaluation.BinaryClassificationEvaluator(*pairs, given["labels"]),
    "lists": evaluation.RerankingEvaluator(samples, at_k=given["length"]),
    "corpus": evaluation.InformationRetrievalEvaluator(
        queries, corpus, relevant, mrr_at_k=[len(corpus)], map_at_k=[len(corpus)],
        accuracy_at_k=depths,
    ),
}
found = {
    f"{name}/{measure}": float(value)
    for name, evaluator in evaluators.items()
    for measure, value in evaluator(Model()).items()
}
json.dump(found, open(sys.argv[2], "w"))
"""

NAMES = {
    "graded/spearman": "graded/spearman_cosine",
    "graded/pearson": "graded/pearson_cosine",
    "alike/best_f1": "alike/cosine_f1",
    "alike/average_precision": "alike/cosine_ap",
    "lists/map": "lists/map",
    "lists/mrr": f"lists/mrr@{LENGTH}",
    f"lists/ndcg@{LENGTH}": f"lists/ndcg@{LENGTH}",
    "corpus/mrr": f"corpus/cosine_mrr@{NUM_TEXTS}",
    "corpus/map": f"corpus/cosine_map@{NUM_TEXTS}",
    "corpus/has_positive@1": "corpus/cosine_accuracy@1",
    "corpus/has_positive@5": "corpus/cosine_accuracy@5",
    "corpus/has_positive@50": "corpus/cosine_accuracy@50",
}
"""What we call a measure, and what they do."""


@pytest.fixture(scope="module")
def vectors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return dict(zip(TEXTS, rng.normal(size=(NUM_TEXTS, DIMENSION)).astype(np.float32), strict=True))


@pytest.fixture(scope="module")
def sets() -> dict[str, EvaluationSet]:
    rng = np.random.default_rng(1)

    def draw(number: int) -> list[str]:
        return [TEXTS[i] for i in rng.choice(NUM_TEXTS, number, replace=False)]

    first, second, queries = draw(NUM_QUERIES), draw(NUM_QUERIES), draw(NUM_QUERIES)
    grades = rng.integers(0, 2, (NUM_QUERIES, LENGTH)).astype(float)
    grades[:, 0], grades[:, 1] = 1, 0  # theirs leaves out a list without a positive or a negative
    relevant = [sorted(rng.choice(NUM_TEXTS, 3, replace=False).tolist()) for _ in queries]
    return {
        "graded": ScoredPairs(first, second, rng.integers(0, 6, NUM_QUERIES).tolist()),
        "alike": BinaryPairs(first, second, (np.arange(NUM_QUERIES) % 3 == 0).astype(int).tolist()),
        "lists": RankingSet(queries, [draw(LENGTH) for _ in queries], grades.tolist()),
        "corpus": RetrievalSet(queries, TEXTS, relevant, depths=(1, 5, 50)),
    }


@pytest.fixture(scope="module")
def theirs(
    vectors: dict[str, np.ndarray],
    sets,
    torch_python: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, float]:
    folder: Path = tmp_path_factory.mktemp("evaluators")
    given = {
        "texts": TEXTS,
        "vectors": [vector.tolist() for vector in vectors.values()],
        "first": sets["graded"].first,
        "second": sets["graded"].second,
        "scores": sets["graded"].scores,
        "labels": sets["alike"].labels,
        "queries": sets["lists"].queries,
        "documents": sets["lists"].documents,
        "grades": sets["lists"].grades,
        "relevant": sets["corpus"].relevant,
        "depths": sets["corpus"].depths,
        "length": LENGTH,
    }
    (folder / "given.json").write_text(json.dumps(given), encoding="utf-8")
    arguments = [str(folder / "given.json"), str(folder / "found.json")]
    done = subprocess.run([torch_python, "-c", THEIRS, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "found.json").read_text())


@pytest.fixture(scope="module")
def ours(vectors: dict[str, np.ndarray], sets) -> dict[str, float]:
    def embed(texts: Sequence[str]) -> np.ndarray:
        return np.stack([vectors[text] for text in texts])

    return evaluate(embed, sets)


@pytest.mark.parametrize("measure", NAMES)
def test_a_measure_is_that_of_sentence_transformers(
    measure: str, ours: dict[str, float], theirs: dict[str, float]
) -> None:
    assert ours[measure] == pytest.approx(theirs[NAMES[measure]], abs=TOLERANCE)
    assert 0.001 < abs(ours[measure]) <= 1
