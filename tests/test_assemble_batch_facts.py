"""What the batches of an order hold, against a reading text by text."""

import numpy as np
import pytest

from bscl_jax import assemble, config, data, parallel
from bscl_jax.types import Pairs

ROUNDING = 1e-6  # what is written has six digits
THRESHOLD = 0.5
BATCH_SIZE = 4

PAIRS = Pairs(
    queries=["a", "a", "b", "c", "d", "e", "e", "f", "g", "a", "h"],
    targets=["k", "l", "l", "m", "n", "o", "p", "a", "q", "m", "o"],
    scores=[1.0, 0.9, 1.0, 0.2, 1.0, 1.0, 0.0, 1.0, 0.6, 0.5, 1.0],
)
NEGATIVES = [["x"], [], ["y", "z"], [], ["x"], [], [], ["z"], [], [], []]
ORDER = np.array([3, 0, 2, 7, 1, 9, 8, 10, 4, 5, 6])
"""The second batch is the rows 1, 9, 8 and 10; the last one has three rows."""


def embed(params, texts):
    """Draw a vector for each text, other ones for other parameters."""
    return np.array([np.random.default_rng([params, ord(text)]).normal(size=3) for text in texts])


EMBEDS = assemble.Embeds(embed, embed)


def measure(
    pairs=PAIRS,
    *,
    order=ORDER,
    params=0,
    most=64,
    threshold=THRESHOLD,
    devices=1,
    embeds=EMBEDS,
):
    store = data.tokenize_pairs(pairs, lambda texts: [[1, 2] for _ in texts], threshold=threshold)
    section = config.Training(batch_size=BATCH_SIZE)
    facts = assemble.make_batch_facts(
        section, pairs, store, embeds, parallel.make_mesh(devices), threshold=threshold
    )
    return facts(params, order, most)


def cosine(one: str, other: str, params: int = 0, apart: int = 0) -> float:
    (x,), (y,) = embed(params, [one]), embed(params + apart, [other])
    return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))


def by_hand(
    sampled: list[int], params: int = 0, threshold: float = THRESHOLD, apart: int = 0
) -> dict[str, float]:
    batches = [ORDER[start : start + BATCH_SIZE].tolist() for start in range(0, 11, BATCH_SIZE)]
    q, t, y = PAIRS.queries, PAIRS.targets, PAIRS.scores or ()
    good = {(q[row], t[row]) for row in range(11) if y[row] > threshold}
    known = good | {(target, query) for query, target in good} | {(text, text) for text in q}
    couples = [(i, j) for rows in batches for i in rows for j in rows if i != j]
    negatives = [
        (cosine(q[i], t[j], params, apart), cosine(q[i], t[i], params, apart))
        for k in sampled
        for i in batches[k]
        for j in batches[k]
        if y[i] > threshold and (q[i], t[j]) not in known
    ]
    return {
        "batches": 3,
        "distinct_queries": np.mean([len({q[i] for i in rows}) for rows in batches]),
        "duplicates": np.mean([q[i] == q[j] or t[i] == t[j] for i, j in couples]),
        "known_positives": np.mean([(q[i], t[j]) in known for i, j in couples]),
        "sampled_batches": len(sampled),
        "similarity": np.mean([found for found, _ in negatives]),
        "hard": np.mean([found > own for found, own in negatives]),
    }


@pytest.mark.parametrize(("params", "threshold"), [(0, 0.5), (1, 0.1)])
def test_the_facts_are_those_of_a_reading_text_by_text(params, threshold):
    found = measure(params=params, threshold=threshold)
    expected = by_hand([0, 1, 2], params, threshold)
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, abs=ROUNDING)
    assert found["known_positives"] > 0
    assert 0 < found["hard"] < 1


def test_queries_and_targets_are_compared_by_their_own_towers():
    embeds = assemble.Embeds(embed, lambda params, texts: embed(params + 1, texts))
    assert measure(embeds=embeds) == pytest.approx(by_hand([0, 1, 2], apart=1), abs=ROUNDING)
    alone = measure(PAIRS._replace(negatives=NEGATIVES), order=ORDER[:4], embeds=embeds)
    positive = [PAIRS.queries[row] for row in ORDER[:4] if PAIRS.scores[row] > THRESHOLD]
    wanted = np.mean([cosine(query, extra, apart=1) for query in positive for extra in ("x", "y")])
    assert alone["extra_similarity"] == pytest.approx(wanted, abs=ROUNDING)


def test_similarities_are_of_batches_that_stand_evenly_and_texts_of_all():
    found = measure(most=1)
    assert found == pytest.approx(by_hand([1]), abs=ROUNDING)


@pytest.mark.parametrize(
    ("count", "most", "chosen"), [(3, 64, [0, 1, 2]), (10, 2, [2, 7]), (9, 3, [1, 4, 7])]
)
def test_the_sample_has_each_batch_or_the_middle_of_each_part(count, most, chosen):
    order = np.arange(count * BATCH_SIZE)
    asked = []

    def note(params, texts):
        asked.extend(texts)
        return embed(params, ["a"] * len(texts))

    texts = [str(row) for row in order]
    store = data.tokenize_pairs(Pairs(texts, texts), lambda texts: [[1, 2] for _ in texts])
    facts = assemble.make_batch_facts(
        config.Training(batch_size=BATCH_SIZE),
        Pairs(texts, texts),
        store,
        assemble.Embeds(note, note),
        parallel.make_mesh(1),
        threshold=THRESHOLD,
    )
    assert facts(0, order, most)["sampled_batches"] == len(chosen)
    assert sorted({int(text) // BATCH_SIZE for text in asked}) == chosen
    assert len(asked) == len(set(asked)), "a text is embedded once"


def test_extra_candidates_are_counted_and_compared_with_the_queries_of_positive_pairs():
    found = measure(PAIRS._replace(negatives=NEGATIVES))
    rows, extras = (
        [ORDER[:4], ORDER[4:8], ORDER[8:]],
        ["x", "y"],
    )  # 5 negatives of 11 pairs are 2 a batch
    q, t, y = PAIRS.queries, PAIRS.targets, PAIRS.scores or ()
    assert found["extras"] == 2
    assert found.keys() - measure().keys() == {"extras", "extra_similarity", "extra_hard"}
    first = [
        (cosine(q[i], extra), cosine(q[i], t[i])) for i in rows[0] if y[i] > 0.5 for extra in extras
    ]
    alone = measure(PAIRS._replace(negatives=NEGATIVES), order=ORDER[:4])
    assert alone["extra_similarity"] == pytest.approx(np.mean([s for s, _ in first]), abs=ROUNDING)
    assert alone["extra_hard"] == pytest.approx(np.mean([s > o for s, o in first]), abs=ROUNDING)


def test_a_model_that_finds_all_texts_alike_has_no_hard_negatives():
    def collapsed(params, texts):
        return np.tile(np.random.default_rng(0).normal(size=384), (len(texts), 1))

    embeds = assemble.Embeds(collapsed, collapsed)
    found = measure(PAIRS._replace(negatives=NEGATIVES), embeds=embeds)
    assert found["similarity"] == found["extra_similarity"] == pytest.approx(1)
    assert found["hard"] == found["extra_hard"] == 0


def test_what_has_no_value_is_none():
    found = measure(PAIRS._replace(scores=[0.0] * 11))
    assert found["similarity"] is None
    assert found["hard"] is None
    assert found["duplicates"] is not None
