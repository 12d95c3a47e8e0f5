"""Exact nearest neighbors against faiss's flat indexes, whole shuffles, and the greedy pass alone.

    python benchmarks/shuffling.py --out shuffling.json

faiss is measured where faiss-cpu is installed (Linux; the memory is read from /proc). Parts:

search    the neighbors of ``--rows`` rows of ``--n`` (0: of all), slice by slice, ours and faiss's
          in turn, by ``--threads`` threads each: seconds of the wall and of the processor, summed,
          and the median of the slices' ratios faiss / ours (above 1, ours is quicker). recall: the
          share of the true neighbors that were found, and order: the share at the right place, for
          ``--checked`` rows against float64. MiB: what one slice adds to the memory at its peak.
shuffle   ``by_example`` from beginning to end.
greedy    Algorithm 1 alone at ``--greedy-n`` rows, with random lists that it is handed.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bscl_jax import shuffling
from bscl_jax.shuffling import _nearest
from bscl_jax.shuffling._greedy import Rules, greedy
from bscl_jax.shuffling._points import make_points
from bscl_jax.shuffling._search import make_search

MIB = 2**20
Neighbors = Callable[[np.ndarray, int], np.ndarray]


def main() -> None:
    options = parse()
    _nearest.num_threads = lambda: options.threads
    parts = {"search": measure_search, "shuffle": measure_shuffle, "greedy": measure_greedy}
    report: dict[str, Any] = {
        "options": {name: str(value) for name, value in vars(options).items()}
    }
    report |= {"cores": os.cpu_count(), "numpy": np.__version__, "load": os.getloadavg()}
    with threadpool_limits(options.threads):
        for part in options.parts:
            report[part] = []
            for row in parts[part](options):
                report[part].append(row)
                print(
                    part,
                    "  ".join(f"{name} {show(value)}" for name, value in row.items()),
                    flush=True,
                )
    if options.out:
        options.out.write_text(json.dumps(report, indent=1))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=100_000, help="points")
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--rows", type=int, default=0, help="rows that ask; 0 is all of them")
    parser.add_argument("--slice", type=int, default=4096, help="rows that ask at a time")
    parser.add_argument("--counts", type=int, nargs="+", default=[500, 10], help="neighbors")
    parser.add_argument("--checked", type=int, default=64, help="rows compared with float64")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--greedy-n", type=int, default=1_000_000)
    parser.add_argument("--greedy-counts", type=int, nargs="+", default=[20, 50])
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument(
        "--parts", nargs="+", choices=["search", "shuffle", "greedy"],
        default=["search", "shuffle", "greedy"],
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="JSON file to write")
    return parser.parse_args()


def show(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def gaussian(n: int, dimension: int) -> np.ndarray:
    """Return unit rows in random directions: no structure, all distances much alike."""
    return unit(np.random.default_rng(0).standard_normal((n, dimension), np.float32))


def clustered(n: int, dimension: int) -> np.ndarray:
    """Return unit rows round one center for every fifty, as texts on subjects lie."""
    rng = np.random.default_rng(1)
    centers = rng.standard_normal((max(1, n // 50), dimension), np.float32)
    noise = rng.standard_normal((n, dimension), np.float32)
    return unit(centers[rng.integers(0, len(centers), n)] + 0.5 * noise)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


DATA = {"gaussian": gaussian, "clustered": clustered}


def measure_search(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row for each searcher, data and count."""
    for name in options.data:
        embeddings = DATA[name](options.n, options.dimension)
        rows = np.random.default_rng(2).permutation(options.n)[: options.rows or None]
        searchers = make_searchers(embeddings, options.threads)
        for count in options.counts:
            cases = [Case(search, rows[: options.slice], count) for search in searchers.values()]
            for at in range(0, len(rows), options.slice):
                for case in cases:
                    case.time_once(rows[at : at + options.slice])
            for searcher, case in zip(searchers, cases, strict=True):
                facts = {"data": name, "n": options.n, "rows": len(rows), "count": count}
                facts |= {"search": searcher} | case.facts(cases[0])
                yield facts | case.hits(embeddings, rows[: options.checked])


def make_searchers(embeddings: np.ndarray, threads: int) -> dict[str, Neighbors]:
    """Return functions (rows, count) -> neighbors: ours first, and faiss's where it is."""
    points = make_points(embeddings)
    search = cache(partial(make_search, points, search="host"))
    searchers: dict[str, Neighbors] = {"ours": lambda rows, count: search(count)(rows)}
    if find_spec("faiss") is None:
        return searchers
    import faiss

    faiss.omp_set_num_threads(threads)
    for kind in (faiss.IndexFlatL2, faiss.IndexFlatIP):
        index = kind(embeddings.shape[1])
        index.add(embeddings)
        searchers[kind.__name__] = lambda rows, count, index=index: index.search(
            embeddings[rows], count
        )[1]
    return searchers


class Case:
    """A searcher, warmed up by a slice, with its times so far."""

    def __init__(self, search: Neighbors, rows: np.ndarray, count: int) -> None:
        self.search, self.count = search, count
        self.wall: list[float] = []
        self.processor: list[float] = []
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = memory("VmRSS")
        search(rows, count)
        self.mebibytes = memory("VmHWM") - before

    def time_once(self, rows: np.ndarray) -> None:
        """Search once more and remember the seconds."""
        wall, processor = time.perf_counter(), time.process_time()
        self.search(rows, self.count)
        self.wall.append(time.perf_counter() - wall)
        self.processor.append(time.process_time() - processor)

    def facts(self, ours: "Case") -> dict[str, float]:
        """Return seconds, and by how much ours are fewer, slice by slice."""
        return {
            "wall s": sum(self.wall),
            "processor s": sum(self.processor),
            "wall ratio": median_ratio(self.wall, ours.wall),
            "processor ratio": median_ratio(self.processor, ours.processor),
            "MiB": self.mebibytes,
        }

    def hits(self, embeddings: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        """Return the share of true neighbors found, and of those at their place."""
        found, expected = self.search(rows, self.count), truth(embeddings, rows, self.count)
        shared = [len(np.intersect1d(*pair)) for pair in zip(found, expected, strict=True)]
        return {
            "recall": sum(shared) / expected.size,
            "order": float(np.mean(found == expected)),
        }


def median_ratio(theirs: list[float], ours: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(theirs, ours, strict=True))


def truth(embeddings: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """Return the nearest by differences in float64, the row itself first."""
    found = []
    for row in rows:
        differences = embeddings.astype(np.float64) - embeddings[row]
        distances = np.einsum("nd,nd->n", differences, differences)
        distances[row] = -1
        found.append(np.argsort(distances, kind="stable")[:count])
    return np.array(found)


def memory(name: str) -> float:
    """Return an entry of the process' status in MiB: VmRSS, VmHWM (its peak)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024 / MIB
    raise ValueError(f"no {name} in /proc/self/status")


def measure_shuffle(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row for each kind of data and count, of groups of eight."""
    for name in options.data:
        embeddings = DATA[name](options.n, options.dimension)
        for count in options.counts:
            wall, processor = time.perf_counter(), time.process_time()
            shuffling.by_example(
                embeddings, group_size=8, num_neighbors=count, seed=0, search="host"
            )
            yield {
                "data": name,
                "n": options.n,
                "count": count,
                "wall s": time.perf_counter() - wall,
                "processor s": time.process_time() - processor,
            }


def measure_greedy(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row for each length of the lists, of groups of eight."""
    n = options.greedy_n
    for count in options.greedy_counts:
        lists = np.random.default_rng(3).integers(0, n, (n, count), np.int32)
        for name, ids in (("none", None), ("distinct", np.arange(n))):
            wall, processor = time.perf_counter(), time.process_time()
            order = greedy(
                lists.__getitem__,
                n,
                Rules(8, ids, "rows"),
                rows_at_once=4096,
                group_order="reversed",
                seed=0,
            )
            assert len(np.unique(order)) == n
            yield {
                "n": n,
                "count": count,
                "text ids": name,
                "wall s": time.perf_counter() - wall,
                "processor s": time.process_time() - processor,
            }


if __name__ == "__main__":
    main()
