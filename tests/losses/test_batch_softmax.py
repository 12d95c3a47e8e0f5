from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import losses
from bscl_jax.losses._normalize import NORMALIZERS
from bscl_jax.losses._terms import DIRECTIONS
from tests.losses import twin
from tests.losses.scenes import (
    EXTRAS,
    LABELS,
    QUERIES,
    QUERY_IDS,
    TARGET_IDS,
    TARGETS,
    each_way,
)
from tests.losses.softmax_calls import (
    FLOAT64,
    assert_close,
    evaluate,
)

# Values


@pytest.mark.usefixtures("float64")
def test_two_orthogonal_pairs_have_the_loss_that_one_computes_by_hand() -> None:
    value, _ = evaluate(np.eye(2), np.eye(2), 0.5)
    assert float(value) == pytest.approx(np.log(1 + np.exp(-2)), rel=FLOAT64)


@pytest.mark.usefixtures("float64")
@each_way
def test_equal_embeddings_have_the_logarithm_of_the_number_of_candidates(
    how: dict[str, Any],
) -> None:
    value, _ = evaluate(np.ones((8, 3)), np.ones((8, 3)), **how)
    assert float(value) == pytest.approx(np.log(8), rel=FLOAT64)


@pytest.mark.usefixtures("float64")
def test_without_reduction_each_row_has_its_own_term() -> None:
    arrays = {"labels": LABELS, "extra_targets": EXTRAS}
    found = losses.batch_softmax(QUERIES, TARGETS, reduction="none", **arrays)
    expected = twin.batch_softmax(QUERIES, TARGETS, reduction="none", **arrays)
    assert found.shape == (8,)
    assert_close(found, expected, FLOAT64)


@pytest.mark.usefixtures("float64")
def test_both_directions_are_the_mean_of_each() -> None:
    both, queries, targets = (evaluate(direction=direction) for direction in DIRECTIONS)
    mean = jax.tree.map(lambda x, y: (x + y) / 2, queries, targets)
    assert_close(both, mean, FLOAT64)


@pytest.mark.usefixtures("float64")
def test_swapping_the_sides_swaps_the_directions() -> None:
    value, (of_queries, of_targets, _) = evaluate(direction="queries")
    swapped, (of_targets_swapped, of_queries_swapped, _) = evaluate(
        TARGETS, QUERIES, direction="targets"
    )
    assert_close(
        (swapped, of_queries_swapped, of_targets_swapped), (value, of_queries, of_targets), FLOAT64
    )


@pytest.mark.usefixtures("float64")
def test_the_order_of_the_pairs_does_not_matter() -> None:
    shuffled = np.random.default_rng(0).permutation(8)
    value, (of_queries, _, _) = evaluate()
    again, (of_shuffled, _, _) = evaluate(QUERIES[shuffled], TARGETS[shuffled])
    assert_close((again, of_shuffled), (value, of_queries[shuffled]), FLOAT64)


@pytest.mark.usefixtures("float64")
def test_the_length_of_a_row_does_not_matter_to_unit_rows() -> None:
    lengths = np.array([1e-9, 1e-3, 1, 2, 3, 1e3, 1e9, 1e200])[:, None]
    assert_close(evaluate(QUERIES * lengths)[0], evaluate()[0], FLOAT64)


@pytest.mark.usefixtures("float64")
def test_in_one_softmax_the_positive_stands_once_for_each_direction() -> None:
    # Logits: 2 for the positives, 0 for the one negative of each direction.
    value, _ = evaluate(np.eye(2), np.eye(2), 0.5, partition="joint")
    assert float(value) == pytest.approx(np.log(2 + 2 * np.exp(-2)), rel=FLOAT64)


@pytest.mark.usefixtures("float64")
def test_the_own_side_joins_the_sum_of_its_direction() -> None:
    # q_1·q_2 = 0 and t_1·t_2 = 0.96, over the temperature 0.5.
    queries, targets = np.eye(2), np.array([[0.8, 0.6], [0.6, 0.8]])
    cross, positive = 0.6 / 0.5, 0.8 / 0.5
    of_row = np.log1p(np.exp(cross - positive) + np.exp(0 - positive))
    of_column = np.log1p(np.exp(cross - positive) + np.exp(0.96 / 0.5 - positive))
    value, _ = evaluate(queries, targets, 0.5, same_side="both")
    assert float(value) == pytest.approx((of_row + of_column) / 2, rel=FLOAT64)


@pytest.mark.usefixtures("float64")
def test_hardness_raises_the_logits_of_negatives_and_not_their_derivative() -> None:
    queries, targets = np.eye(2), np.array([[0.8, 0.6], [0.6, 0.8]])
    value, (_, _, of_temperature) = evaluate(queries, targets, 0.5, hardness_strength=3.0)
    excess = (0.6 - 0.8) / 0.5 + 3 * 0.6
    assert float(value) == pytest.approx(np.log1p(np.exp(excess)), rel=FLOAT64)
    share = 1 / (1 + np.exp(-excess))
    assert float(of_temperature) == pytest.approx(-share * (0.6 - 0.8) / 0.5**2, rel=FLOAT64)


# Labels and reductions


@pytest.mark.usefixtures("float64")
def test_a_labelled_negative_loses_its_own_term_and_stays_a_candidate() -> None:
    labels = np.array([0.0, 1, 1, 1, 1, 1, 1, 1])
    terms = losses.batch_softmax(QUERIES, TARGETS, temperature=0.4, reduction="none")
    _, (of_queries, of_targets, _) = found = evaluate(arrays={"labels": labels})
    assert_close(found[0], terms[1:].sum() / 8, FLOAT64)
    assert np.abs(of_queries[0]).max() > 0
    assert np.abs(of_targets[0]).max() > 0


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("reduction", ["batch", "positives"])
@each_way
def test_labels_that_are_all_zero_give_zero_and_no_gradient(
    reduction: str, how: dict[str, Any]
) -> None:
    found = evaluate(arrays={"labels": np.zeros(8)}, reduction=reduction, **how)
    assert all(bool(jnp.all(leaf == 0)) for leaf in jax.tree.leaves(found))


@pytest.mark.usefixtures("float64")
def test_positives_divides_by_the_sum_of_the_labels() -> None:
    by_batch = evaluate(arrays={"labels": LABELS}, reduction="batch")
    by_positives = evaluate(arrays={"labels": LABELS}, reduction="positives")
    scaled = jax.tree.map(lambda x: x * 8 / LABELS.sum(), by_batch)
    assert_close(by_positives, scaled, FLOAT64)


@pytest.mark.parametrize("labels", [np.array([1, 0] * 4), np.array([True, False] * 4)])
def test_labels_may_be_integers_or_booleans(labels: np.ndarray) -> None:
    found, _ = evaluate(dtype=jnp.float32, arrays={"labels": labels})
    expected, _ = evaluate(dtype=jnp.float32, arrays={"labels": labels.astype(np.float32)})
    assert float(found) == float(expected)


# Candidates and ids


@pytest.mark.usefixtures("float64")
def test_ids_that_all_differ_leave_nothing_out() -> None:
    ids = {"query_ids": np.arange(8), "target_ids": np.arange(8)}
    assert_close(evaluate(arrays=ids), evaluate(), FLOAT64)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", ["query_ids", "target_ids"])
@each_way
def test_one_id_for_all_leaves_no_negative(name: str, how: dict[str, Any]) -> None:
    found = evaluate(arrays={name: np.zeros(8, dtype=np.int32)}, **how)
    assert all(bool(jnp.all(leaf == 0)) for leaf in jax.tree.leaves(found))


@pytest.mark.usefixtures("float64")
def test_an_excluded_row_is_a_row_that_is_not_there() -> None:
    # Rows 0 and 7 share a query: to row 0, the batch is one without row 7.
    terms = losses.batch_softmax(QUERIES, TARGETS, reduction="none", query_ids=QUERY_IDS)
    without = losses.batch_softmax(
        QUERIES[:7], TARGETS[:7], reduction="none", query_ids=QUERY_IDS[:7]
    )
    assert_close(terms[0], without[0], FLOAT64)


@pytest.mark.usefixtures("float64")
@each_way
def test_a_known_positive_is_no_negative_of_that_query_nor_the_query_of_it(
    how: dict[str, Any],
) -> None:
    ids = np.arange(8, dtype=np.int32)
    positives = ids[:, np.newaxis].copy()
    positives[2] = 5  # of query 2, target 5

    def terms(direction: str, **keywords: Any) -> jax.Array:
        keywords |= how | {"direction": direction, "reduction": "none"}
        return losses.batch_softmax(QUERIES, TARGETS, target_ids=ids, **keywords)

    for direction, row, absent in (("queries", 2, 5), ("targets", 5, 2)):
        found, others = terms(direction, positive_ids=positives), terms(direction)
        rest = np.delete(np.arange(8), absent)
        without = losses.batch_softmax(
            QUERIES[rest], TARGETS[rest], direction=direction, reduction="none"
        )
        assert_close(found[row], without[list(rest).index(row)], FLOAT64)
        assert_close(np.delete(found, row), np.delete(others, row), FLOAT64)


@pytest.mark.usefixtures("float64")
@each_way
def test_an_extra_candidate_with_the_rows_own_target_is_not_there_for_that_row(
    how: dict[str, Any],
) -> None:
    extra = {"extra_targets": EXTRAS[:1], "target_ids": TARGET_IDS}
    hidden = losses.batch_softmax(
        QUERIES, TARGETS, reduction="none", extra_ids=TARGET_IDS[2:3], **extra, **how
    )
    shown = losses.batch_softmax(
        QUERIES, TARGETS, reduction="none", extra_ids=np.array([99]), **extra, **how
    )
    absent = losses.batch_softmax(QUERIES, TARGETS, reduction="none", target_ids=TARGET_IDS, **how)
    assert_close(hidden[2], absent[2], FLOAT64)
    assert_close(np.delete(hidden, 2), np.delete(shown, 2), FLOAT64)
    assert float(shown[2]) > float(absent[2])


@pytest.mark.usefixtures("float64")
def test_extra_candidates_leave_the_columns_alone() -> None:
    extra = evaluate(arrays={"extra_targets": EXTRAS}, direction="targets", normalize="minmax")
    assert_close(extra, evaluate(direction="targets", normalize="minmax"), FLOAT64)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("normalize", NORMALIZERS)
def test_an_extra_candidate_that_is_a_target_counts_like_that_target(normalize: str) -> None:
    keywords = {"normalize": normalize, "direction": "queries", "reduction": "none"}
    terms = losses.batch_softmax(QUERIES, TARGETS, extra_targets=TARGETS[5:6], **keywords)
    plain = losses.batch_softmax(QUERIES, TARGETS, **keywords)
    # To row 5 its own positive is a candidate twice: p becomes p / (1 + p).
    assert_close(terms[5], np.log1p(np.exp(plain[5])), FLOAT64)


@pytest.mark.usefixtures("float64")
@each_way
def test_no_extra_candidates_at_all_are_like_none(how: dict[str, Any]) -> None:
    assert_close(
        evaluate(arrays={"extra_targets": np.zeros((0, 3))}, **how), evaluate(**how), FLOAT64
    )


@pytest.mark.usefixtures("float64")
@each_way
def test_a_labelled_negative_of_the_same_query_is_a_negative_of_its_rows_only(
    how: dict[str, Any],
) -> None:
    # Pairs 0 and 1 have one query; pair 1 is labelled a negative, so its target is none of it.
    labels, ids = np.array([1.0, 0, 1]), np.array([5, 5, 6])
    keywords: dict[str, Any] = {"labels": labels, "query_ids": ids, "reduction": "none", **how}
    pairs = QUERIES[:3], TARGETS[:3]
    masked = losses.batch_softmax(*pairs, direction="queries", **keywords)
    known: dict[str, Any] = {"labelled_negatives": labels == 0, **keywords}
    of_rows = losses.batch_softmax(*pairs, direction="queries", **known)
    free = losses.batch_softmax(*pairs, direction="queries", labels=labels, reduction="none")
    assert float(masked[0]) < float(of_rows[0])
    assert_close(of_rows[0], free[0], FLOAT64)
    # Its query is the text of pair 0's own, and stays out of that column.
    assert_close(
        losses.batch_softmax(*pairs, direction="targets", **known),
        losses.batch_softmax(*pairs, direction="targets", **keywords),
        FLOAT64,
    )


@pytest.mark.usefixtures("float64")
def test_a_known_positive_of_the_same_query_stays_out() -> None:
    ids, known = {"query_ids": QUERY_IDS, "target_ids": TARGET_IDS}, np.zeros(8, dtype=bool)
    assert_close(
        evaluate(arrays=ids | {"labelled_negatives": known}), evaluate(arrays=ids), FLOAT64
    )


def test_labels_that_sum_to_less_than_one_divide_like_others() -> None:
    labels = np.array([0.25, 0.5], np.float32)
    queries, targets = (x[:2].astype(np.float32) for x in (QUERIES, TARGETS))
    terms = losses.batch_softmax(queries, targets, labels=labels, reduction="none")
    mean = losses.batch_softmax(queries, targets, labels=labels, reduction="positives")
    assert float(mean) == pytest.approx(float(jnp.sum(terms)) / 0.75, rel=1e-6)
