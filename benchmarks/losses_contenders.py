"""What is compared: each library's symmetric batch softmax as value and both gradients.

Every library is imported only in the process that measures it, with the Python that has it.
"""

import importlib.metadata
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

TEMPERATURE = 0.05
PROBED_ROWS = 16


class Compiled(NamedTuple):
    """A contender at one size.

    Args:
        call: (queries, targets) on the device to its results, finished when it returns.
        read: those results to the loss and the first rows of both gradients.
        bytes: memory besides the embeddings as the compiler planned it, gradients included; None
            where nothing is compiled.
    """

    call: Callable[[Any, Any], Any]
    read: Callable[[Any], tuple[float, np.ndarray]]
    bytes: int | None


class Contender(NamedTuple):
    """One implementation: ``settings`` are the values of its one knob that are tried.

    ``saves_memory`` tells the forms that need not hold the whole similarity matrix.
    """

    label: str
    saves_memory: bool
    knob: str | None
    settings: tuple[int, ...]
    compile: Callable[[int, int, int | None], Compiled]


class Library(NamedTuple):
    """What one process measures; ``place`` puts an array on its device."""

    device: str
    versions: dict[str, str]
    place: Callable[[np.ndarray], Any]
    contenders: dict[str, Contender]
    reset_peak: Callable[[], None] | None = None
    peak: Callable[[], int] | None = None
    matmul_rate: Callable[[], float] | None = None


def bscl_jax(threads: int) -> Library:
    """Every implementation of ``losses.batch_softmax``, as it stands."""
    import jax

    from bscl_jax import losses
    from bscl_jax.losses._batch_softmax import IMPLEMENTATIONS

    def contender(name: str) -> Contender:
        def loss(queries: jax.Array, targets: jax.Array, _: int | None) -> jax.Array:
            return losses.batch_softmax(
                queries, targets, temperature=TEMPERATURE, implementation=name
            )

        return Contender(f"bscl_jax {name}", name != "dense", None, (), _compile_in_jax(loss))

    return _jax_library("bscl_jax", {name: contender(name) for name in IMPLEMENTATIONS})


def representax(threads: int) -> Library:
    """MNRTask on given embeddings: whole, and by chunks of rows."""
    import jax
    import jax.numpy as jnp
    from representax.tasks.retrieval import MNRTask, retrieval_batch

    task = MNRTask(scale=1 / TEMPERATURE, symmetric=True)

    def loss(queries: jax.Array, targets: jax.Array, chunk: int | None) -> jax.Array:
        # Made inside, the mask need not be held where the compiler can do without.
        pairs = jnp.eye(queries.shape[0], dtype=bool)
        batch = retrieval_batch(query=queries, document=targets, positive_mask=pairs)
        return task.loss_from_embeddings(queries, targets, batch, row_chunk_size=chunk).loss

    compile_ = _compile_in_jax(loss)
    return _jax_library(
        "representax",
        {
            "representax": Contender("representax", False, None, (), compile_),
            "representax_chunked": Contender(
                "representax chunked", True, "row_chunk_size", (256, 512, 1024), compile_
            ),
        },
    )


def sentence_transformers(threads: int) -> Library:
    """The symmetric ranking loss, and the loss stage of its cached form, on given embeddings."""
    import torch
    from sentence_transformers import losses

    # The classes named Symmetric are deprecated aliases of these two with these arguments.
    symmetric = {
        "scale": 1 / TEMPERATURE,
        "directions": ("query_to_doc", "doc_to_query"),
        "partition_mode": "per_direction",
    }
    no_encoder = torch.nn.Sequential(torch.nn.Identity())

    def dense(n: int, d: int, setting: int | None) -> Compiled:
        loss = losses.MultipleNegativesRankingLoss(no_encoder, **symmetric)

        def value(queries: Any, targets: Any) -> Any:
            found = loss.compute_loss_from_embeddings([queries, targets], None)
            found.backward()
            return found

        return _call_torch(value)

    def cached(n: int, d: int, setting: int | None) -> Compiled:
        loss = losses.CachedMultipleNegativesRankingLoss(
            no_encoder, mini_batch_size=setting, **symmetric
        )
        # Without an encoder GradCache has nothing to encode twice: its middle stage is the loss.
        return _call_torch(lambda q, t: loss.calculate_loss([[q], [t]], with_backward=True))

    contenders = {
        "sentence_transformers": Contender("sentence-transformers", False, None, (), dense),
        "sentence_transformers_cached": Contender(
            "sentence-transformers cached", True, "mini_batch_size", (256, 1024, 2048), cached
        ),
    }
    return _torch_library("sentence-transformers", threads, contenders)


def inf_cl(threads: int) -> Library:
    """Inf-CL's Triton kernels, both directions."""
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError("its Triton kernels need a CUDA GPU")
    from inf_cl.flash import cal_flash_loss

    def compile_(n: int, d: int, setting: int | None) -> Compiled:
        def value(queries: Any, targets: Any) -> Any:
            rows, columns = (torch.nn.functional.normalize(x, dim=1) for x in (queries, targets))
            width = {"scale": 1 / TEMPERATURE, "head_dim": setting}
            both = cal_flash_loss(rows, columns, **width) + cal_flash_loss(columns, rows, **width)
            found = both.mean() / 2
            found.backward()
            return found

        return _call_torch(value)

    return _torch_library(
        "inf-cl", threads, {"inf_cl": Contender("Inf-CL", True, "head_dim", (128, 64), compile_)}
    )


LIBRARIES: dict[str, Callable[[int], Library]] = {
    "bscl_jax": bscl_jax,
    "sentence_transformers": sentence_transformers,
    "representax": representax,
    "inf_cl": inf_cl,
}


def _compile_in_jax(loss: Callable) -> Callable[[int, int, int | None], Compiled]:
    import jax

    def compile_(n: int, d: int, setting: int | None) -> Compiled:
        side = jax.ShapeDtypeStruct((n, d), np.float32)
        slope = jax.value_and_grad(lambda q, t: loss(q, t, setting), argnums=(0, 1))
        compiled = jax.jit(slope).lower(side, side).compile()
        planned = compiled.memory_analysis()
        size = None
        if planned is not None:
            size = planned.temp_size_in_bytes + planned.output_size_in_bytes
        return Compiled(lambda q, t: jax.block_until_ready(compiled(q, t)), read, size)

    def read(results: Any) -> tuple[float, np.ndarray]:
        value, gradients = results
        return float(value), np.stack([np.asarray(x[:PROBED_ROWS]) for x in gradients])

    return compile_


def _jax_library(name: str, contenders: dict[str, Contender]) -> Library:
    import jax
    import jax.numpy as jnp

    device = jax.devices()[0]
    versions = {package: importlib.metadata.version(package) for package in (name, "jax")}
    product = jax.jit(lambda a, b: a @ b)

    def matmul_rate() -> float:
        a, b = jnp.ones((4096, 384)), jnp.ones((384, 4096))

        def seconds() -> float:
            begin = time.perf_counter()
            product(a, b).block_until_ready()
            return time.perf_counter() - begin

        return 2 * 4096 * 384 * 4096 / min(seconds() for _ in range(20))

    kind = device.platform if device.platform == "cpu" else device.device_kind
    return Library(kind, versions, jnp.asarray, contenders, matmul_rate=matmul_rate)


def _call_torch(value: Callable[[Any, Any], Any]) -> Compiled:
    import torch

    def call(queries: Any, targets: Any) -> Any:
        found = value(queries, targets)
        if queries.is_cuda:
            torch.cuda.synchronize()
        gradients = queries.grad, targets.grad
        queries.grad = targets.grad = None
        return found.detach(), *gradients

    def read(results: Any) -> tuple[float, np.ndarray]:
        value, *gradients = results
        return value.item(), np.stack([x[:PROBED_ROWS].float().cpu().numpy() for x in gradients])

    return Compiled(call, read, None)


def _torch_library(name: str, threads: int, contenders: dict[str, Contender]) -> Library:
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    versions = {package: importlib.metadata.version(package) for package in (name, "torch")}
    if not torch.cuda.is_available():
        return Library("cpu", versions, lambda x: torch.from_numpy(x).requires_grad_(), contenders)

    def reset_peak() -> None:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()

    return Library(
        torch.cuda.get_device_name(),
        versions,
        lambda x: torch.from_numpy(x).cuda().requires_grad_(),
        contenders,
        reset_peak,
        torch.cuda.max_memory_allocated,
    )
