"""The programs of several cases compiled at once: each case then finds its own in XLA's cache."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from device_encode import prepare_forward
from device_measure import Found
from device_model import make_texts, prepare_step
from device_plan import Case


def measure(case: Case, found: Found) -> dict[str, Any]:
    """Compile them, and say how long each took beside the others, and all together."""

    def compile_one(case: Case) -> float:
        prepare = prepare_forward if case["kind"] == "embed device" else prepare_step
        begin = time.perf_counter()
        prepare(case, make_texts(case))
        return time.perf_counter() - begin

    begin = time.perf_counter()
    with ThreadPoolExecutor(len(case["cases"])) as pool:
        each = list(pool.map(compile_one, case["cases"]))
    return {"each_seconds": each, "median": time.perf_counter() - begin}
