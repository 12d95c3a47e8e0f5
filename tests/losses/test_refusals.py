from typing import Any

import numpy as np
import pytest

from bscl_jax import losses
from tests.losses.scenes import LABELS, POSITIVE_IDS, QUERIES, QUERY_IDS, TARGETS

Q, T = QUERIES.astype(np.float32), TARGETS.astype(np.float32)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("queries", "targets", "keywords", "message"),
    [
        (Q, T[:5], {}, r"one shape \(b, d\).*queries \(8, 3\), targets \(5, 3\)"),
        (Q[0], T[0], {}, r"one shape \(b, d\).*queries \(3,\)"),
        (Q[:0], T[:0], {}, "at least one pair.*skip empty batches"),
        (Q, T, {"labels": LABELS[:3]}, r"labels must hold one number a pair, shape \(8,\).*\(3,\)"),
        (Q, T, {"labelled_negatives": LABELS[:3] > 0}, r"labelled_negatives must hold one.*\(3,\)"),
        (Q, T, {"extra_targets": Q[:, :2]}, r"extra_targets must have shape \(e, 3\).*\(8, 2\)"),
        (Q, T, {"query_ids": QUERY_IDS[:2]}, r"query_ids must have shape \(8,\).*\(2,\)"),
        (Q, T, {"extra_ids": QUERY_IDS}, "extra_ids were given without extra_targets"),
        (Q, T, {"extra_ids": QUERY_IDS, "extra_targets": Q}, "compared with target_ids"),
        (
            Q,
            T,
            {
                "extra_ids": np.zeros((8, 2), int),
                "extra_targets": Q,
                "target_ids": QUERY_IDS,
            },
            r"of one kind.*\(8,\) and \(8, 2\)",
        ),
        (Q, T, {"positive_ids": POSITIVE_IDS}, "compared with target_ids, which were not given"),
        (
            Q,
            T,
            {"positive_ids": QUERY_IDS, "target_ids": QUERY_IDS},
            r"positive_ids must have shape \(8, p\).*\(8,\); repeat the target's id",
        ),
        (
            Q,
            T,
            {"positive_ids": POSITIVE_IDS, "target_ids": np.zeros((8, 2), int)},
            r"positive_ids must have shape \(8, p, 2\).*\(8, 2\)",
        ),
        (Q[..., None], T[..., None], {}, r"one shape \(b, d\).*queries \(8, 3, 1\)"),
        (Q, T, {"extra_targets": Q[:, 0]}, r"extra_targets must have shape \(e, 3\).*\(8,\)"),
        (Q, T, {"query_ids": np.zeros((8, 3), int)}, r"or \(8, 2\) for the halves.*\(8, 3\)"),
        (
            Q,
            T,
            {"extra_ids": QUERY_IDS, "extra_targets": Q[:5], "target_ids": QUERY_IDS},
            r"extra_ids must have shape \(5,\).*\(8,\)",
        ),
        (
            Q,
            T,
            {"positive_ids": POSITIVE_IDS[:5], "target_ids": QUERY_IDS},
            r"positive_ids must have shape \(8, p\).*each of 8 rows; got shape \(5, 2\)",
        ),
        (Q, T, {"temperature": float("inf")}, "temperature must be > 0 and finite, got inf"),
        (Q, T, {"hardness_strength": float("inf")}, "hardness_strength must be finite and at.*inf"),
        (
            Q,
            T,
            {"direction": "queries", "same_side": "targets"},
            "same_side='targets'.*direction='queries' has not",
        ),
        (Q, T, {"temperature": 0.0}, "temperature must be > 0 and finite, got 0.0; 0.05"),
        (Q, T, {"temperature": -0.1}, "temperature must be > 0 and finite, got -0.1"),
        (Q, T, {"temperature": np.float32(-1)}, "temperature must be > 0 and finite, got -1.0"),
        (Q, T, {"temperature": float("nan")}, "temperature must be > 0 and finite, got nan"),
        (Q, T, {"temperature": Q[0]}, r"temperature must be one number, got shape \(3,\)"),
        (Q, T, {"normalize": "l3"}, "normalize must be one of 'l2', 'l2_columns'.*got 'l3'"),
        (Q, T, {"direction": "rows"}, "direction must be one of 'both', 'queries', 'targets'"),
        (Q, T, {"reduction": "mean"}, "reduction must be one of 'batch', 'positives', 'none'"),
        (
            Q,
            T,
            {"implementation": "fast"},
            "implementation must be one of 'dense', 'tiled'.*fast",
        ),
        (Q, T, {"tile_size": 0}, "tile_size must be a whole number of rows, at least 1, got 0"),
        (Q, T, {"tile_size": 2.5}, "tile_size must be a whole number of rows.*got 2.5; 1024"),
        (Q, T, {"partition": "one"}, "partition must be one of 'separate', 'joint'; got 'one'"),
        (Q, T, {"same_side": "all"}, "same_side must be one of 'none', 'queries', 'targets'"),
        (Q, T, {"hardness_mode": "hard"}, "hardness_mode must be one of 'batch', 'extra', 'all'"),
        (Q, T, {"hardness_strength": -1.0}, "hardness_strength must be finite and at least 0.*-1"),
        (
            Q,
            T,
            {"direction": "queries", "same_side": "both"},
            "same_side='both'.*direction='queries' has not.*partition=\"joint\"",
        ),
        (
            Q,
            T,
            {"direction": "targets", "same_side": "queries"},
            "same_side='queries'.*direction='targets' has not",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_the_remedy(
    queries: Any, targets: Any, keywords: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        losses.batch_softmax(queries, targets, **keywords)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("queries", "keywords", "message"),
    [
        (Q.astype(int), {}, "queries must be floating point, got int.*not token ids"),
        (Q, {"extra_targets": Q.astype(int)}, "extra_targets must be floating point"),
        (Q, {"positive_ids": Q, "target_ids": QUERY_IDS}, "positive_ids must be integers, got"),
        (
            Q,
            {"labelled_negatives": LABELS},
            "labelled_negatives must be bool, got float.*scores <= threshold",
        ),
        (Q, {"query_ids": Q[:, 0]}, "query_ids must be integers, got float32; hash the texts"),
        (Q.tolist(), {}, r"queries must be an array of num.*got a list.*numpy.asarray\(queries\)"),
        (Q, {"query_ids": QUERY_IDS.tolist()}, "query_ids must be an array of numbers, got a list"),
        (Q, {"labelled_negatives": [True] * len(Q)}, "labelled_negatives must be an array of"),
    ],
)
def test_a_wrong_type_is_refused_with_the_remedy(queries: Any, keywords: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        losses.batch_softmax(queries, T, **keywords)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "keywords",
    [
        {"temperature": 1e-3},
        {"hardness_strength": 0},
        {"implementation": "tiled", "tile_size": 1},
        {"extra_targets": Q[:0]},
        {"labels": LABELS.tolist()},
        {"direction": "queries", "same_side": "queries"},
        {"direction": "queries", "same_side": "targets", "partition": "joint"},
        {"direction": "targets", "same_side": "targets"},
    ],
)
def test_a_value_at_its_limit_is_taken(keywords: Any) -> None:
    assert np.isfinite(losses.batch_softmax(Q, T, **keywords))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("loss", "further"),
    [
        (losses.batch_softmax, ()),
        (losses.sigmoid, ()),
        (losses.triplet, ()),
        (losses.combo, (LABELS,)),
        (losses.cosent, (LABELS,)),
        (losses.cosine_mse, (LABELS,)),
        (losses.pearson, (LABELS,)),
    ],
)
def test_every_loss_of_pairs_refuses_what_are_no_pairs(loss: Any, further: Any) -> None:
    with pytest.raises(ValueError, match=r"must have one shape \(b, d\), row i of each"):
        loss(Q, T[:, :2], *further)
    with pytest.raises(ValueError, match="at least one pair"):
        loss(Q[:0], T[:0], *further)
    with pytest.raises(ValueError, match=r"at least one feature, got \w+ \(8, 0\)"):
        loss(Q[:, :0], T[:, :0], *further)
    with pytest.raises(TypeError, match="must be floating point"):
        loss(Q, T.astype(int), *further)
