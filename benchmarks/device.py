"""Measure losses, training steps and encoding on one accelerator, in one call; write it as JSON.

    PYTHONPATH=. python benchmarks/device.py --out device.json

Here are the losses; ``device_model.py`` has what a model is needed for.

Every implementation in float32 and bfloat16 has a process of its own, since a GPU's peak memory can
only be asked since the process began. What time or memory does not allow is written down as such.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import device_model
import numpy as np

SIZES = (8192, 32768, 131072, 1048576)
SMALL_SIZES = (32, 64)
TILE_SIZES = (1024, 4096)
SMALL_TILE_SIZES = (16,)
MINI_BATCHES = (4096, 16384)
DIMENSION = 384
TEMPERATURE = 0.05
CASE_SECONDS = 150.0
TIMED_SECONDS = 2.0  # of runs for one median
OPERATIONS = 8  # the tiled loss, forward and backward: 8·N²·d


def plan(small: bool) -> list[dict]:
    """Returns what each process is to measure, the most telling first."""
    sizes = SMALL_SIZES if small else SIZES
    dtypes = ("float32", "bfloat16")
    tiles = SMALL_TILE_SIZES if small else TILE_SIZES
    from bscl_jax.losses._batch_softmax import IMPLEMENTATIONS

    tiled = [name for name in IMPLEMENTATIONS if name != "dense"]
    ours = [("dense", dtype, None) for dtype in dtypes]
    ours += [(name, dtype, tile) for tile in tiles for name in tiled for dtype in dtypes]
    jobs = [{"library": "jax", "name": n, "dtype": t, "setting": s} for n, t, s in ours]
    cached = "sentence_transformers_cached"
    torch = [("sentence_transformers", None), *((cached, size) for size in MINI_BATCHES)]
    torch = [(n, t, s) for n, s in torch for t in dtypes] + [("inf_cl", "float32", 128)]
    jobs += [{"library": "torch", "name": n, "dtype": t, "setting": s} for n, t, s in torch]
    losses = [{**job, "sizes": sizes} for job in jobs if not small or job["library"] == "jax"]
    return [*device_model.plan(small), *losses]


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("device.json"))
    parser.add_argument("--limit-seconds", type=float, default=500, help="for everything")
    parser.add_argument("--small", action="store_true", help="toy sizes, also on a CPU")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(given)
    if arguments.job:
        for line in measure(json.loads(arguments.job), arguments.folder):
            print(json.dumps(line), flush=True)
        return 0
    end = time.monotonic() + arguments.limit_seconds
    report: dict[str, Any] = {"dimension": DIMENSION, "machine": None, "cases": []}
    with tempfile.TemporaryDirectory() as folder:
        for job in [{"library": "machine"}, *plan(arguments.small)]:
            _collect(job, Path(folder), end, report)
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    _show(report)
    return 0


def _collect(job: dict, folder: Path, end: float, report: dict) -> None:
    """Runs one process and adds what it wrote, as far as it came."""
    left = min(end - time.monotonic(), CASE_SECONDS)
    note = "no time was left"
    lines: list[dict] = []
    if left > 0:
        command = [sys.executable, __file__, "--job", json.dumps(job), "--folder", str(folder)]
        environment = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.92", **os.environ}
        log = folder / "log"
        with log.open("w") as out, (folder / "errors").open("w") as errors:
            try:
                status = subprocess.run(
                    command, stdout=out, stderr=errors, env=environment, timeout=left
                ).returncode
                note = f"ended with status {status}" if status else ""
            except subprocess.TimeoutExpired:
                note = f"stopped after {left:.0f} s"
        lines = [json.loads(x) for x in log.read_text().splitlines() if x.startswith("{")]
        if note:
            last = (folder / "errors").read_text(errors="replace").strip().splitlines()[-1:]
            note = ": ".join([note, *last])[:400]
    if job["library"] == "machine":
        report["machine"] = lines[0] if lines else {"note": note}
        return
    report["cases"] += lines
    named = {key: value for key, value in job.items() if key != "sizes"}
    missing = [n for n in job["sizes"] if all(line["n"] != n for line in lines)]
    report["cases"] += [{**named, "n": n, "note": note} for n in missing]


def measure(job: dict, folder: Path) -> Iterator[dict]:
    """Yields one line a size, in this process; sizes rise, and so does the peak memory."""
    if job["library"] == "machine":
        yield _machine()
        return
    if "kind" in job:
        yield from device_model.measure(job)
        return
    named = {key: value for key, value in job.items() if key != "sizes"}
    prepare = _in_jax if job["library"] == "jax" else _in_torch(job["name"])
    for n in job["sizes"]:
        generator = np.random.default_rng(0)
        queries = generator.standard_normal((n, DIMENSION), dtype=np.float32)
        targets = generator.standard_normal((n, DIMENSION), dtype=np.float32) + 0.25 * queries
        try:
            begin = time.perf_counter()
            case = prepare(job, queries, targets)
            loss, gradients = case.read(case.run())
            facts: dict[str, Any] = {"first_seconds": time.perf_counter() - begin, "loss": loss}
            if n == job["sizes"][0]:
                facts["gradient_cosine"] = _cosine(job, gradients, folder / "reference.npy")
            del gradients
            measured = {**_times(case.run, n), **_peak(job["library"])}
            yield {**named, "n": n, "planned_bytes": case.planned_bytes, **facts, **measured}
        except Exception as error:
            yield {**named, "n": n, "note": f"{type(error).__name__}: {error}"[:300]}


class Prepared(NamedTuple):
    """A loss on placed embeddings: ``run`` returns when done, ``read`` brings its results here."""

    run: Callable[[], Any]
    read: Callable[[Any], tuple[float, list[np.ndarray]]]
    planned_bytes: int | None


def _in_jax(job: dict, queries: np.ndarray, targets: np.ndarray) -> Prepared:
    import jax
    import jax.numpy as jnp

    from bscl_jax import losses

    keywords = {"implementation": job["name"], "temperature": TEMPERATURE}
    if job["setting"] is not None:
        keywords["tile_size"] = job["setting"]
    placed = [jax.block_until_ready(jnp.asarray(x, job["dtype"])) for x in (queries, targets)]
    slope = jax.value_and_grad(lambda q, t: losses.batch_softmax(q, t, **keywords), argnums=(0, 1))
    compiled = jax.jit(slope).lower(*placed).compile()
    planned = compiled.memory_analysis()
    size = planned.temp_size_in_bytes + planned.output_size_in_bytes if planned else None

    def read(results: Any) -> tuple[float, list[np.ndarray]]:
        loss, gradients = results
        return float(loss), [np.asarray(x, np.float32) for x in gradients]

    return Prepared(lambda: jax.block_until_ready(compiled(*placed)), read, size)


def _in_torch(name: str) -> Callable[[dict, np.ndarray, np.ndarray], Prepared]:
    import losses_contenders as libraries
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError("this torch sees no CUDA GPU")
    make = libraries.inf_cl if name == "inf_cl" else libraries.sentence_transformers
    contender = make(os.cpu_count() or 1).contenders[name]

    def prepare(job: dict, queries: np.ndarray, targets: np.ndarray) -> Prepared:
        dtype = getattr(torch, job["dtype"])
        placed = [torch.from_numpy(x).cuda().to(dtype).requires_grad_() for x in (queries, targets)]
        compiled = contender.compile(len(queries), DIMENSION, job["setting"])

        def read(results: Any) -> tuple[float, list[np.ndarray]]:
            loss, *gradients = results
            return loss.item(), [x.float().cpu().numpy() for x in gradients]

        return Prepared(lambda: compiled.call(*placed), read, None)

    return prepare


def _times(run: Callable[[], Any], n: int) -> dict:
    def seconds() -> float:
        begin = time.perf_counter()
        run()
        return time.perf_counter() - begin

    runs = [seconds() for _ in range(2)][1:]  # the first may still be warming up
    runs += [seconds() for _ in range(max(2, min(30, int(TIMED_SECONDS / runs[0]))))]
    median = statistics.median(runs)
    rate = OPERATIONS * n**2 * DIMENSION / median
    return {"seconds": runs, "median": median, "flops_per_second": rate}


def _peak(library: str) -> dict:
    """Bytes on the device at the worst moment so far, embeddings included."""
    if library == "torch":
        import torch

        return {"peak_bytes": torch.cuda.max_memory_allocated()}
    import jax

    return {"peak_bytes": (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")}


def _cosine(job: dict, gradients: list[np.ndarray], path: Path) -> float | None:
    """Compares both sides' gradients with those of the dense loss in float32, the first job's."""
    found = np.stack(gradients).astype(np.float64).ravel()
    if job["name"] == "dense" and job["dtype"] == "float32":
        np.save(path, found)
    if not path.exists():
        return None
    right = np.load(path)
    return float(found @ right / np.linalg.norm(found) / np.linalg.norm(right))


def _machine() -> dict:
    """Names the device, and measures what a matrix product of the losses' shape reaches."""
    import importlib.metadata

    import jax
    import jax.numpy as jnp

    n = 64 if jax.default_backend() == "cpu" else 8192
    rates = {}
    for name, dtype, precision in (
        ("float32", "float32", "highest"),
        ("float32, rounded", "float32", "default"),
        ("bfloat16", "bfloat16", "default"),
    ):
        x = jnp.ones((n, DIMENSION), dtype)
        product = jax.jit(lambda x, p=precision: jnp.matmul(x, x.T, precision=p))
        product(x).block_until_ready()

        def seconds(product: Callable = product, x: jax.Array = x) -> float:
            begin = time.perf_counter()
            product(x).block_until_ready()
            return time.perf_counter() - begin

        rates[name] = 2 * n**2 * DIMENSION / min(seconds() for _ in range(20))
    packages = ("jax", "jaxlib", "torch", "sentence-transformers", "inf-cl")
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    device = jax.devices()[0].device_kind
    return {"device": device, "versions": versions, "matmul_flops_per_second": rates}


def _show(report: dict) -> None:
    print(json.dumps(report["machine"]))
    figures = f"{'median':>9} {'TFLOP/s':>8} {'peak':>10}  cosine"
    models = [case for case in report["cases"] if "kind" in case]
    for case in models:
        start = f"{case['n']:7} {case['kind']:12} {case['shape']:10} {case['library']:6}"
        if "median" not in case:
            print(f"{start} not run: {case['note']}")
            continue
        mfu = "" if case["mfu"] is None else f"  MFU {case['mfu']:.1%}"
        rate = f"{case['tokens_per_second']:12.0f} real tokens/s{mfu}"
        print(
            f"{start} {1000 * case['median']:8.1f} ms {rate}, first {case['first_seconds']:.1f} s"
        )
    print(f"{'N':>7} {'implementation':40} {'dtype':9} {figures}")
    losses = [case for case in report["cases"] if "kind" not in case]
    for case in sorted(losses, key=lambda case: case["n"]):
        name = case["name"] + (f" ({case['setting']})" if case["setting"] else "")
        start = f"{case['n']:7} {name:40} {case['dtype']:9}"
        if "median" not in case:
            print(f"{start} not run: {case['note']}")
            continue
        cosine, peak = case.get("gradient_cosine"), (case["peak_bytes"] or 0) / 2**20
        print(
            f"{start} {1000 * case['median']:6.1f} ms {case['flops_per_second'] / 1e12:8.2f}"
            f" {peak:6.0f} MiB  {'' if cosine is None else f'{cosine:.7f}'}"
        )


if __name__ == "__main__":
    sys.exit(main())
