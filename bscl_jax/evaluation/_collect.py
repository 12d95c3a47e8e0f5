"""Embeddings of many batches, written where they belong while further batches are computed."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Float, Integer

from bscl_jax.evaluation._pieces import CPU_TOKENS, Piece
from bscl_jax.types import TokenBatch

Encode = Callable[[TokenBatch], Float[Array, "b *k d"]]

Part = tuple[Integer[np.ndarray, " m"], Array, Integer[np.ndarray, " m"] | slice]
"""Positions of texts, the embeddings of a batch or some of them, and the places of theirs there."""

TAKEN = 1024
"""Embeddings are taken on an accelerator by multiples of so many: few numbers, few programs."""

MOST_TAKEN = 4 * TAKEN
"""At most so many are taken at a time: while some are written the next are copied to the host."""

AHEAD = 3
"""So many batches of an accelerator may wait to be computed, copied and written."""

WRITERS = 4
"""Threads that write what an accelerator has computed: each at a few gigabytes a second."""

CPU_BATCHES = 2
"""So many small batches a CPU computes at a time: one has work where the other waits for a core."""

PINNED = "pinned_host"
"""Memory of the host that an accelerator writes by itself: an H100 15 times as fast or more."""


def encode_all(encode: Encode, pieces: Iterator[Piece]) -> Iterator[tuple[Piece, Array]]:
    """Encode batches one after the other; yield each with its embeddings, begun or finished."""
    return ((piece, encode(piece.tokens)) for piece in pieces)


def encode_together(encode: Encode, pieces: Iterator[Piece]) -> Iterator[tuple[Piece, Array]]:
    """Encode a few batches at a time, for a CPU that is one device; yield as ``encode_all``.

    A thread's programs run one after the other, so there are several threads. The first batch of a
    shape, for which ``encode`` may compile, is encoded alone, and so is a large one.
    """
    waiting: deque[tuple[Piece, Future[Array]]] = deque()
    shapes = set()
    with ThreadPoolExecutor(CPU_BATCHES, "encode") as threads:
        for piece in pieces:
            future = threads.submit(
                lambda tokens: jax.block_until_ready(encode(tokens)), piece.tokens
            )
            waiting.append((piece, future))
            shape = piece.tokens.ids.shape
            if shape not in shapes or piece.tokens.ids.size > CPU_TOKENS:
                shapes.add(shape)
                wait([future])
            if len(waiting) > 2 * CPU_BATCHES:
                piece, future = waiting.popleft()
                yield piece, future.result()
        for piece, future in waiting:
            yield piece, future.result()


def take_texts(piece: Piece, batch: Float[Array, "b *k d"]) -> list[Part]:
    """Let an accelerator take out the embeddings that are copied to the host, in parts.

    A packed batch has several times as many places as texts. On a CPU all is left as it is.
    """
    if _is_on_host(batch):
        return [(piece.texts, batch, piece.places)]
    if isinstance(piece.places, slice):
        return [(piece.texts, _begin_copy(batch), piece.places)]
    parts: list[Part] = []
    for start in range(0, len(piece.texts), MOST_TAKEN):
        texts = piece.texts[start : start + MOST_TAKEN]
        places = np.zeros(-(-len(texts) // TAKEN) * TAKEN, np.int32)
        places[: len(texts)] = piece.places[start : start + MOST_TAKEN]
        parts.append((texts, _begin_copy(_take(batch, places)), slice(len(texts))))
    return parts


def collect_all(
    embeddings: np.ndarray, running: Iterator[list[Part]], advance: Callable[[int], None] | None
) -> None:
    """Write all batches, those of an accelerator by threads, while the next are begun."""
    waiting: deque[list[Callable[[], int]]] = deque()

    def finish_first() -> None:
        count = sum(finish() for finish in waiting.popleft())
        if advance is not None:
            advance(count)

    with ThreadPoolExecutor(WRITERS, "embeddings") as threads:
        for parts in running:
            waiting.append([partial(_write, embeddings, part) for part in parts])
            on_host = _is_on_host(parts[0][1])
            if not on_host:
                waiting[-1] = [threads.submit(write).result for write in waiting[-1]]
            if len(waiting) > (1 if on_host else AHEAD):
                finish_first()
        while waiting:
            finish_first()


def _write(embeddings: np.ndarray, part: Part) -> int:
    """Write the embeddings of a part, as soon as they are there, and return their number."""
    texts, batch, places = part
    found = np.asarray(batch, np.float32).reshape(-1, embeddings.shape[1])
    embeddings[texts] = found[places]
    return len(texts)


def _begin_copy(batch: jax.Array) -> jax.Array:
    """Let an accelerator copy embeddings to the host as soon as they are there."""
    memories = next(iter(batch.devices())).addressable_memories()
    if batch.is_fully_addressable and any(memory.kind == PINNED for memory in memories):
        return jax.device_put(batch, batch.sharding.with_memory_kind(PINNED))
    batch.copy_to_host_async()
    return batch


def _is_on_host(batch: Array) -> bool:
    return not isinstance(batch, jax.Array) or next(iter(batch.devices())).platform == "cpu"


@jax.jit
def _take(batch: Float[Array, "b *k d"], places: Integer[Array, " m"]) -> Float[Array, "m d"]:
    return batch.reshape(-1, batch.shape[-1])[places]
