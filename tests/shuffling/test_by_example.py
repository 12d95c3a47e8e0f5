import inspect
import itertools
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bscl_jax import shuffling
from bscl_jax.shuffling import _by_example, _nearest, _points

GOLDEN = np.load(Path(__file__).parent.parent / "golden" / "reference_orders.npz")
CASES = json.loads(str(GOLDEN["cases"]))
PEAK_MEMORY = 64 * 2**20  # bytes; all distances of the test would need 512 MiB


def twin(points, group_size, num_neighbors, text_ids):
    """Algorithm 1 read aloud, on points with integer coordinates: exact, in plain Python."""
    order, used = [], set()
    for anchor in range(len(points)):
        if anchor in used:
            continue

        def far(other, anchor=anchor):
            pairs = zip(points[anchor], points[other], strict=True)
            return sum((x - y) ** 2 for x, y in pairs), other != anchor, other

        group = []
        for other in sorted(range(len(points)), key=far)[:num_neighbors]:
            texts = {text_ids[member] for member in group} if text_ids else ()
            if (
                len(group) < group_size
                and other not in used
                and not (text_ids and text_ids[other] in texts)
            ):
                group.append(other)
        used.update(group)
        order += group
    return order


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks so small that a few points need many of them."""
    monkeypatch.setattr(_nearest, "COLUMNS_AT_ONCE", 5)
    monkeypatch.setattr(_nearest, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(_by_example, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(_points, "ROWS_AT_ONCE", 4)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_it_equals_the_order_that_the_papers_code_gives(case):
    name = case["name"]
    order = shuffling.by_example(
        GOLDEN[f"{name}/embeddings"],
        group_size=case["group_size"],
        num_neighbors=case["top_k"],
        seed=None,
        text_ids=GOLDEN.get(f"{name}/text_ids"),
    )
    assert order.tolist() == GOLDEN[f"{name}/order"].tolist()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_size_of_the_blocks_does_not_show(case, small_blocks):
    test_it_equals_the_order_that_the_papers_code_gives(case)


def test_a_group_is_full_at_its_size_where_the_reference_lets_equal_texts_swell_it():
    # Rows 0, 2 and 3 hold one text. The paper's code counts distinct texts, so its first group goes
    # on until it holds two of them: 0 2 3 4, four pairs in a group of two. Ours holds two pairs.
    reference = [0, 2, 3, 4, 1, 5]
    embeddings = np.array([[0.0], [5.0], [0.0], [0.0], [0.3], [5.1]])
    order = shuffling.by_example(embeddings, group_size=2, seed=None, reverse=False)
    assert order.tolist() == [0, 2, 1, 5, 3, 4] != reference


def test_each_pair_comes_once_where_the_reference_repeats_the_last():
    # Asked for 5 neighbors of 3 pairs, the paper's code emits the last pair once more, as the
    # filling of a list that is too short: four entries for three pairs. Ours searches three.
    reference = [2, 1, 2, 0]
    embeddings = np.array([[0.0], [2.0], [1.0]])
    order = shuffling.by_example(embeddings, group_size=7, num_neighbors=5, seed=None)
    assert order.tolist() == [1, 2, 0] != reference


@settings(max_examples=150, deadline=None)
@given(
    points=st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), max_size=30),
    group_size=st.integers(1, 6),
    num_neighbors=st.integers(1, 40),
    with_texts=st.booleans(),
    columns_at_once=st.sampled_from([1, 4, 4096]),
)
def test_it_is_algorithm_1_ties_included(
    points, group_size, num_neighbors, with_texts, columns_at_once
):
    text_ids = [abs(x) for x, _ in points] if with_texts else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_nearest, "COLUMNS_AT_ONCE", columns_at_once)
        order = shuffling.by_example(
            np.array(points, np.float32).reshape(-1, 2),
            group_size=group_size,
            num_neighbors=num_neighbors,
            seed=None,
            text_ids=None if text_ids is None else np.array(text_ids, np.int32),
            reverse=False,
        )
    assert order.tolist() == twin(points, group_size, num_neighbors, text_ids)


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9])
def test_it_is_a_permutation_whatever_stands_beside_a_group_of_eight(n):
    embeddings = np.random.default_rng(n).standard_normal((n, 3))
    order = shuffling.by_example(embeddings, group_size=8, seed=3)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))


def test_neighbors_stand_in_one_group():
    clusters = np.repeat(np.eye(5), 4, axis=0)[shuffling.random(20, seed=1)]
    noise = 0.01 * np.random.default_rng(0).standard_normal(clusters.shape)
    order = shuffling.by_example(clusters + noise, group_size=4, seed=0)
    for group in clusters[order].reshape(5, 4, 5):
        np.testing.assert_array_equal(group, np.broadcast_to(group[0], group.shape))


def test_a_group_ends_when_the_searched_neighbors_are_used_up():
    embeddings = np.array([[0.0], [9.0], [1.0], [2.1]])
    orders = [
        shuffling.by_example(
            embeddings, group_size=3, num_neighbors=num_neighbors, seed=None, reverse=False
        ).tolist()
        for num_neighbors in (4, 2)
    ]
    assert orders == [[0, 2, 3, 1], [0, 2, 1, 3]]


def test_a_text_stands_in_a_group_once_and_its_other_rows_stay_free():
    embeddings = np.array([[0.0], [0.0], [0.0], [1.0], [2.0], [3.0]])
    order = shuffling.by_example(
        embeddings,
        group_size=2,
        seed=None,
        text_ids=np.array([5, 5, 5, 6, 7, 8]),
        reverse=False,
    )
    assert order.tolist() == [0, 3, 1, 4, 2, 5]


def test_a_group_of_so_many_texts_takes_their_equals_until_it_has_them():
    embeddings = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [2.0], [3.0]])
    order = shuffling.by_example(
        embeddings,
        group_size=2,
        seed=None,
        text_ids=np.array([5, 5, 5, 6, 6, 7, 8]),
        count="texts",
        group_order="forward",
    )
    assert order.tolist() == [0, 1, 2, 3, 4, 5, 6]  # [0 1 2 3] is full, and so is [4 5]


def test_mixed_groups_stay_together_and_their_order_follows_the_seed():
    embeddings = np.repeat(np.arange(8.0), 3)[:, np.newaxis]
    first, again, other = (
        shuffling.by_example(embeddings, group_size=3, seed=seed, group_order="mixed")
        for seed in (0, 0, 1)
    )
    groups = first.reshape(8, 3) // 3
    assert (groups == groups[:, :1]).all()
    forward = shuffling.by_example(embeddings, group_size=3, seed=0, group_order="forward")
    assert groups[:, 0].tolist() != (forward.reshape(8, 3) // 3)[:, 0].tolist()
    assert first.tobytes() == again.tobytes() != other.tobytes()


@pytest.mark.parametrize("reverse", [True, False])
def test_a_group_order_goes_before_reverse(reverse):
    embeddings = np.random.default_rng(0).standard_normal((30, 4))
    options = {"group_size": 4, "seed": 5}
    for group_order, turned in {"forward": False, "reversed": True}.items():
        found = shuffling.by_example(
            embeddings, group_order=group_order, reverse=reverse, **options
        )
        expected = shuffling.by_example(embeddings, reverse=turned, **options)
        assert found.tolist() == expected.tolist()


def test_reverse_turns_the_whole_sequence_round():
    embeddings = np.random.default_rng(0).standard_normal((30, 4))
    forward = shuffling.by_example(embeddings, group_size=4, seed=5, reverse=False)
    backward = shuffling.by_example(embeddings, group_size=4, seed=5)
    assert backward.tolist() == forward[::-1].tolist()


def test_groups_of_one_give_the_seeded_shuffle():
    embeddings = np.random.default_rng(0).standard_normal((30, 4))
    order = shuffling.by_example(embeddings, group_size=1, seed=(4, 2), reverse=False)
    assert order.tolist() == shuffling.random(30, seed=(4, 2)).tolist()


def test_the_seed_decides_who_opens_the_groups():
    embeddings = np.random.default_rng(0).standard_normal((30, 4))
    orders = [shuffling.by_example(embeddings, group_size=4, seed=seed) for seed in (0, 0, 1)]
    assert orders[0].tobytes() == orders[1].tobytes() != orders[2].tobytes()


def test_rounding_in_the_matrix_product_cannot_change_the_order(monkeypatch):
    # A lattice in steps of 0.1: distances that are equal on paper differ in the last bits, and
    # another center makes BLAS round all of them differently.
    steps = np.array(list(itertools.product(range(6), repeat=3)))
    embeddings = 0.1 * steps + 0.3
    firsts, center = np.arange(len(embeddings)), embeddings.mean(axis=0)
    orders = set()
    for shift in [0.0, 0.1, -7.7, 1e3]:
        moved = _points.measured(embeddings, firsts, center + shift)
        monkeypatch.setattr(_by_example, "make_points", lambda _, moved=moved: moved)
        orders.add(
            shuffling.by_example(embeddings, group_size=5, num_neighbors=20, seed=0).tobytes()
        )
    assert len(orders) == 1


def test_differences_far_below_float32_still_count():
    embeddings = np.array([[1.0], [3.0], [2.0 + 1e-12], [2.0]])
    order = shuffling.by_example(embeddings, group_size=2, seed=None, reverse=False)
    assert order.tolist() == [0, 3, 1, 2]


def test_equal_embeddings_fall_back_on_the_index():
    order = shuffling.by_example(
        np.full((50, 3), 0.1, np.float32), group_size=4, num_neighbors=10, seed=None, reverse=False
    )
    assert order.tolist() == twin([(0, 0, 0)] * 50, 4, 10, None)


@pytest.mark.parametrize("scale", [2.0**-500, 2.0**400])
def test_the_scale_of_the_embeddings_does_not_matter(scale):
    embeddings = np.random.default_rng(2).standard_normal((60, 5))
    usual = shuffling.by_example(embeddings, group_size=4, seed=0)
    scaled = shuffling.by_example(embeddings * scale, group_size=4, seed=0)
    assert usual.tolist() == scaled.tolist()


def test_layout_in_memory_does_not_matter():
    embeddings = np.random.default_rng(2).standard_normal((60, 5)).astype(np.float32)
    usual = shuffling.by_example(embeddings, group_size=4, seed=0)
    columns_first = shuffling.by_example(np.asfortranarray(embeddings), group_size=4, seed=0)
    assert usual.tolist() == columns_first.tolist()


def test_most_rows_are_not_searched_for_since_a_group_took_them(monkeypatch):
    clusters = np.repeat(np.random.default_rng(0).standard_normal((200, 8)), 10, axis=0)
    make_search, asked = _by_example.make_search, []

    def counted(*given):
        search = make_search(*given)
        return lambda rows: asked.append(len(rows)) or search(rows)

    monkeypatch.setattr(_by_example, "make_search", counted)
    shuffling.by_example(clusters, group_size=10, num_neighbors=20, seed=0)
    assert sum(asked) < len(clusters) / 4


def test_memory_stays_bounded():
    embeddings = np.random.default_rng(0).standard_normal((8192, 4)).astype(np.float32)
    tracemalloc.start()
    shuffling.by_example(embeddings, group_size=64, num_neighbors=64, seed=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < PEAK_MEMORY


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e160])
def test_a_number_that_has_no_distance_is_refused_with_its_row(value, small_blocks):
    embeddings = np.zeros((10, 3))
    embeddings[6, 1] = embeddings[6, 2] = embeddings[7, 0] = value
    with pytest.raises(ValueError, match=r"embeddings must be finite .* row 6 holds .* column 1;"):
        shuffling.by_example(embeddings, group_size=2, seed=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group_size": 0}, "group_size must be ≥ 1, got 0"),
        ({"group_size": 2, "num_neighbors": 0}, "num_neighbors must be ≥ 1, got 0"),
        ({"group_size": 2, "seed": -1}, "seed must be an integer ≥ 0"),
        ({"group_size": 2, "text_ids": np.zeros(4, int)}, r"one id per row .* shape \(4,\) for 5"),
        ({"group_size": 2, "embeddings": np.zeros(5)}, r"embeddings must be a matrix .* \(5,\)"),
        ({"group_size": 2, "embeddings": np.zeros((5, 0))}, r"with d ≥ 1, got shape \(5, 0\)"),
        (
            {"group_size": 2, "group_order": "mixed", "seed": None},
            "mixed groups need a seed, got N",
        ),
        ({"group_size": 2, "count": "words"}, "count must be one of rows, texts, got 'words'"),
        ({"group_size": 2, "count": "texts"}, 'count="texts" needs text_ids, got None'),
    ],
)
def test_a_mistake_is_named_with_its_value(options, message):
    unchecked = inspect.unwrap(shuffling.by_example)  # without jaxtyping, which would speak first
    options = {"embeddings": np.zeros((5, 2)), "seed": 0, **options}
    with pytest.raises(ValueError, match=message):
        unchecked(options.pop("embeddings"), **options)
