import threading
import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax.data import Ragged
from bscl_jax.evaluation import _collect, _embed, _pieces, make_embed, unit_rows
from bscl_jax.evaluation._pieces import CPU_TOKENS
from bscl_jax.types import TokenBatch


def tokenize(texts: list[str]) -> list[list[int]]:
    return [[1, *map(ord, text)] for text in texts]


class Recorder:
    """Embeds a text as (token count, token sum) and remembers the shapes that it was given."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, tokens: TokenBatch) -> np.ndarray:
        self.shapes.append(tokens.ids.shape)
        real = np.where(tokens.mask, tokens.ids, 0)
        if tokens.lengths is None:
            return np.stack([tokens.mask.sum(1), real.sum(1)], axis=1).astype(np.float32)
        ends = np.cumsum(tokens.lengths, axis=1)
        numbers = (np.arange(real.shape[1])[:, None] >= ends[:, None]).sum(axis=-1)
        own = numbers[:, None] == np.arange(ends.shape[1])[:, None]
        return np.stack([tokens.lengths, (own * real[:, None]).sum(-1)], axis=-1).astype(np.float32)


def embed(texts: Sequence[str], recorder: Recorder, batch_size: int = 4) -> np.ndarray:
    function = make_embed(tokenize, recorder, pad_id=0, dimension=2, batch_size=batch_size)
    return function(texts)


TEXTS = ["b", "aaaaaaaaaaaaaaaaaa", "", "abc", "ab", "zz", "c"]
MANY = ["x" * (n * n % 97) for n in range(200)]


def expected(texts: Sequence[str]) -> list[list[int]]:
    return [[1 + len(text), 1 + sum(map(ord, text))] for text in texts]


def test_rows_come_back_in_the_order_of_the_texts() -> None:
    np.testing.assert_array_equal(embed(TEXTS, Recorder()), expected(TEXTS))


@pytest.mark.parametrize("packed", [False, True])
def test_an_accelerator_copies_the_same_rows_and_no_others(
    monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    texts = TEXTS * 40 if packed else TEXTS
    copied: list[int] = []
    take = _collect._take

    def counted(batch: jax.Array, places: np.ndarray) -> jax.Array:
        copied.append(len(places))
        return take(batch, places)

    recorder = Recorder()
    monkeypatch.setattr(_collect, "_is_on_host", lambda batch: False)
    monkeypatch.setattr(_collect, "_take", counted)
    options = {"pad_id": 0, "dimension": 2, "batch_size": 64, "most_tokens": 64 if packed else None}
    found = make_embed(tokenize, lambda tokens: jnp.asarray(recorder(tokens)), **options)(texts)
    np.testing.assert_array_equal(found, expected(texts))
    assert len(copied) == (len(recorder.shapes) if packed else 0)  # padded batches are copied whole
    assert {count % _collect.TAKEN for count in copied} == ({0} if packed else set())


class Accelerated(Recorder):
    """Gives JAX arrays, and notes how many batches were begun but not finished at each."""

    def __init__(self) -> None:
        super().__init__()
        self.finished: list[int] = []
        self.unfinished: list[int] = []

    def __call__(self, tokens: TokenBatch) -> jax.Array:
        self.unfinished.append(len(self.shapes) - len(self.finished))
        return jnp.asarray(super().__call__(tokens))


@pytest.fixture
def accelerator(monkeypatch: pytest.MonkeyPatch) -> Accelerated:
    monkeypatch.setattr(_collect, "_is_on_host", lambda batch: False)
    monkeypatch.setattr(_embed, "on_cpu", lambda: False)
    return Accelerated()


def embed_packed(texts: Sequence[str], encode: Accelerated, batch_size: int = 2) -> np.ndarray:
    options = {"pad_id": 0, "dimension": 2, "batch_size": batch_size, "most_tokens": 128}
    return make_embed(tokenize, encode, advance=encode.finished.append, **options)(texts)


def test_an_accelerator_has_a_few_batches_at_a_time(accelerator: Accelerated) -> None:
    found = embed_packed(MANY, accelerator)
    np.testing.assert_array_equal(found, expected(MANY))
    assert max(accelerator.unfinished) == _collect.AHEAD < len(accelerator.shapes)
    assert sum(accelerator.finished) == len(MANY)


def test_many_texts_of_a_batch_are_copied_in_parts(
    monkeypatch: pytest.MonkeyPatch, accelerator: Accelerated
) -> None:
    copied: list[int] = []
    take = _collect._take
    monkeypatch.setattr(_collect, "TAKEN", 8)
    monkeypatch.setattr(_collect, "MOST_TAKEN", 16)
    monkeypatch.setattr(_collect, "_take", lambda *args: copied.append(len(args[1])) or take(*args))
    found = embed_packed(MANY, accelerator, batch_size=64)
    np.testing.assert_array_equal(found, expected(MANY))
    assert len(copied) > len(accelerator.shapes)
    assert set(copied) <= {8, 16}


def test_what_goes_wrong_on_an_accelerator_reaches_the_caller(
    monkeypatch: pytest.MonkeyPatch, accelerator: Accelerated
) -> None:
    class Lost:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            raise RuntimeError("out of memory")

    monkeypatch.setattr(_collect, "_begin_copy", lambda batch: Lost())
    with pytest.raises(RuntimeError, match="out of memory"):
        embed_packed(MANY, accelerator)
    assert len(accelerator.shapes) <= _collect.AHEAD + 1


@pytest.mark.parametrize("kind", [_collect.PINNED, "another"])
def test_embeddings_are_copied_to_pinned_memory_where_there_is_any(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(_collect, "PINNED", kind)
    batch = jnp.arange(6.0).reshape(2, 3)
    copied = _collect._begin_copy(batch)
    np.testing.assert_array_equal(copied, batch)
    assert (copied.sharding.memory_kind == kind) == (kind == "pinned_host")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_goes_wrong_in_between_reaches_the_caller(
    accelerator: Accelerated, error: type[BaseException]
) -> None:
    def stop(tokens: TokenBatch) -> jax.Array:
        if len(accelerator.shapes) == 4:
            raise error("stop")
        return accelerator(tokens)

    function = make_embed(tokenize, stop, pad_id=0, dimension=2, batch_size=2, most_tokens=128)
    with pytest.raises(error, match="stop"):
        function(MANY)
    assert "embeddings_0" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 100])
def test_the_batch_size_does_not_change_the_rows(batch_size: int) -> None:
    np.testing.assert_array_equal(embed(TEXTS, Recorder(), batch_size), embed(TEXTS, Recorder()))


@pytest.mark.parametrize(("max_length", "lengths"), [(19, {8, 19}), (24, {8, 24}), (100, {8, 24})])
def test_nothing_is_padded_beyond_the_longest_text_of_the_model(
    max_length: int, lengths: set[int]
) -> None:
    recorder = Recorder()
    options = {"pad_id": 0, "dimension": 2, "batch_size": 1, "max_length": max_length}
    make_embed(tokenize, recorder, **options)(TEXTS)
    assert {shape[1] for shape in recorder.shapes} == lengths


def test_the_longest_texts_go_first() -> None:
    recorder = Recorder()
    embed(TEXTS, recorder, batch_size=2)
    lengths = [shape[1] for shape in recorder.shapes]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == 24


def test_few_row_counts_are_compiled() -> None:
    recorder = Recorder()
    for count in range(1, 20):
        embed(["a"] * count, recorder, batch_size=6)
    assert {shape[0] for shape in recorder.shapes} == {1, 2, 4, 6}


def test_batches_are_filled_up_to_what_devices_share() -> None:
    recorder = Recorder()
    function = make_embed(tokenize, recorder, pad_id=0, dimension=2, batch_size=5, multiple=3)
    np.testing.assert_array_equal(function(TEXTS * 2), embed(TEXTS * 2, Recorder()))
    assert {shape[0] for shape in recorder.shapes} == {6}


def test_no_texts_give_no_rows_and_do_not_run_the_model() -> None:
    recorder = Recorder()
    assert embed([], recorder).shape == (0, 2)
    assert recorder.shapes == []


@pytest.mark.parametrize(("batch_size", "multiple"), [(1, 1), (3, 2), (64, 1), (64, 3)])
def test_packed_texts_have_the_rows_of_padded_ones(batch_size: int, multiple: int) -> None:
    recorder = Recorder()
    options = {"pad_id": 0, "dimension": 2, "batch_size": batch_size, "multiple": multiple}
    packed = make_embed(tokenize, recorder, most_tokens=128, **options)(MANY)
    np.testing.assert_array_equal(packed, embed(MANY, Recorder()))
    computed = sum(rows * length for rows, length in recorder.shapes)
    assert computed < 1.15 * sum(1 + len(text) for text in MANY) + multiple * 128 * 3
    assert all(rows % multiple == 0 for rows, _ in recorder.shapes)


def test_a_cpu_gets_little_at_a_time() -> None:
    recorder = Recorder()
    make_embed(tokenize, recorder, pad_id=0, dimension=2, most_tokens=128, multiple=2)(MANY * 5)
    assert max(rows * length for rows, length in recorder.shapes) == 2 * CPU_TOKENS
    assert len(set(recorder.shapes)) <= 4


def test_an_accelerator_gets_as_much_at_a_time_as_keeps_it_busy(
    monkeypatch: pytest.MonkeyPatch, accelerator: Accelerated
) -> None:
    monkeypatch.setattr(_pieces, "on_cpu", lambda: False)
    monkeypatch.setattr(_pieces, "ACCELERATOR_TOKENS", 1024)
    found = embed_packed(MANY * 20, accelerator, batch_size=64)
    np.testing.assert_array_equal(found, expected(MANY * 20))
    whole = [rows * length for rows, length in accelerator.shapes if rows > 1]
    assert max(whole) == 1024
    assert len(accelerator.shapes) > _collect.AHEAD


@pytest.mark.parametrize("most_tokens", [None, 128])
def test_tokens_in_one_array_have_the_rows_of_lists(most_tokens: int | None) -> None:
    options = {"pad_id": 0, "dimension": 2, "batch_size": 3, "most_tokens": most_tokens}
    array = Ragged.from_lists(tokenize(MANY))
    found = make_embed(lambda _: array, Recorder(), **options)(MANY)
    np.testing.assert_array_equal(found, expected(MANY))


def test_batches_do_not_depend_on_how_many_are_laid_out_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few, many = Recorder(), Recorder()
    options = {"pad_id": 0, "dimension": 2, "most_tokens": 128}
    monkeypatch.setattr(_embed, "on_cpu", lambda: False)  # one at a time, so in their order
    found = make_embed(tokenize, many, **options)(MANY * 5)
    monkeypatch.setattr(_pieces, "TOKENS_TOGETHER", 1)
    np.testing.assert_array_equal(make_embed(tokenize, few, **options)(MANY * 5), found)
    assert few.shapes == many.shapes


class Crowd(Recorder):
    """Notes how many batches were encoded at a time.

    Attributes:
        most: at a time.
        beside_first: of a shape, while its first batch was encoded.
    """

    def __init__(self) -> None:
        super().__init__()
        self.most, self.beside_first = 0, 0
        self._running: list[tuple[int, ...]] = []
        self._lock = threading.Lock()

    def __call__(self, tokens: TokenBatch) -> np.ndarray:
        shape = tokens.ids.shape
        with self._lock:
            self._running.append(shape)
            is_first = shape not in self.shapes
            self.most = max(self.most, len(self._running))
        time.sleep(0.02)
        with self._lock:
            if is_first:
                self.beside_first = max(self.beside_first, self._running.count(shape) - 1)
            self._running.remove(shape)
        return super().__call__(tokens)


def test_a_cpu_computes_two_small_batches_at_a_time() -> None:
    crowd, texts = Crowd(), MANY * 3 + ["x" * 250] * 9
    found = make_embed(tokenize, crowd, pad_id=0, dimension=2, most_tokens=256)(texts)
    np.testing.assert_array_equal(found, embed(texts, Recorder()))
    assert crowd.most == 2
    assert len(set(crowd.shapes)) > 1
    assert crowd.beside_first == 0  # two threads would compile the same program


@pytest.mark.parametrize("options", [{"multiple": 2}, {"batch_size": 4, "most_tokens": None}])
def test_devices_that_share_a_batch_and_padded_rows_compute_one_at_a_time(
    options: dict[str, Any],
) -> None:
    crowd = Crowd()
    defaults = {"pad_id": 0, "dimension": 2, "most_tokens": 128}
    make_embed(tokenize, crowd, **defaults | options)(MANY * 2)
    assert crowd.most == 1
    assert len(crowd.shapes) > 3


def test_large_batches_are_computed_one_at_a_time() -> None:
    crowd, long = Crowd(), ["x" * CPU_TOKENS] * 6
    make_embed(tokenize, crowd, pad_id=0, dimension=2, most_tokens=2 * CPU_TOKENS)(long)
    assert crowd.most == 1
    assert len(crowd.shapes) > 3


def test_what_goes_wrong_in_a_thread_reaches_the_caller() -> None:
    def stop(tokens: TokenBatch) -> np.ndarray:
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        make_embed(tokenize, stop, pad_id=0, dimension=2, most_tokens=128)(MANY)
    assert not any(thread.name.startswith("encode") for thread in threading.enumerate())


def test_rows_are_no_longer_than_the_model_takes() -> None:
    recorder = Recorder()
    texts = [text[:30] for text in MANY]
    make_embed(tokenize, recorder, pad_id=0, dimension=2, most_tokens=31)(texts)
    assert {length for _, length in recorder.shapes} == {31}


def test_few_tokens_are_padded() -> None:
    recorder = Recorder()
    make_embed(tokenize, recorder, pad_id=0, dimension=2, most_tokens=128)(["how to renew a book"])
    assert recorder.shapes == [(1, 24)]


def test_progress_counts_every_text_once() -> None:
    counts: list[int] = []
    options = {"pad_id": 0, "dimension": 2, "batch_size": 3, "advance": counts.append}
    make_embed(tokenize, Recorder(), **options)(TEXTS)
    assert sum(counts) == len(TEXTS)
    make_embed(tokenize, Recorder(), most_tokens=128, **options)(MANY)
    assert sum(counts) == len(TEXTS) + len(MANY)


def test_a_batch_size_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, was 0"):
        make_embed(tokenize, Recorder(), pad_id=0, dimension=2, batch_size=0)


def test_a_zero_row_stays_zero_when_rows_are_made_unit() -> None:
    np.testing.assert_allclose(unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])), [[0.6, 0.8], [0, 0]])


@pytest.mark.parametrize("size", [1e-3, 1.0, 100.0])
def test_rows_of_float16_are_made_unit_as_those_of_float32(size: float) -> None:
    rows = size * np.random.default_rng(0).standard_normal((50, 200)).astype(np.float16)
    rows[7] = 0
    found = unit_rows(rows)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found[7], 0)
    np.testing.assert_array_equal(found, unit_rows(rows.astype(np.float32)).astype(np.float16))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_many_rows_are_made_unit_bit_for_bit_as_all_at_once(dtype: Any) -> None:
    rows = (9 * np.random.default_rng(0).standard_normal((2 * _embed.ROWS_AT_ONCE + 3, 5))).astype(
        dtype
    )
    found = unit_rows(rows)
    whole = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
    assert found.dtype == whole.dtype
    np.testing.assert_array_equal(found, whole)
    if found.dtype == dtype:
        assert unit_rows(rows, out=rows) is rows
        np.testing.assert_array_equal(rows, whole)
