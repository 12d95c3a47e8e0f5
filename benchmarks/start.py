"""How long a run takes from the command to its first step, when nothing is cached and once more.

    python benchmarks/start.py --config configs/quickstart.yaml

Each start is a process of its own, in a new run folder, watched from outside: seconds until its
log has the scores before training, the order of the first epoch is written, the first step has its
program and begins, and is logged, which is when it is done. The first run goes on to its end, so
that the cache holds what a run leaves there; the later ones are stopped.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
LONGEST = 600
RUN = """
import pathlib, sys
from bscl_jax.cli import _compile, main
awaited = _compile.await_compiled

def tell(*arguments):
    step = awaited(*arguments)
    pathlib.Path(sys.argv[1]).touch()
    return step

_compile.await_compiled = tell
sys.exit(main(["train", *sys.argv[2:]]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = REPOSITORY / "configs" / "quickstart.yaml"
    parser.add_argument("--config", type=Path, default=default)
    parser.add_argument("--set", action="append", default=[], help="overrides of the config")
    parser.add_argument("--starts", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for number in range(options.starts):
            folder = Path(name, f"run-{number}")
            times = start(options.config, options.set, Path(name), folder, finish=number == 0)
            shown = "  ".join(f"{what} {seconds:.1f} s" for what, seconds in times.items())
            print(f"start {number + 1}  {shown}", flush=True)


def start(
    config: Path, overrides: list[str], cache: Path, folder: Path, *, finish: bool
) -> dict[str, float]:
    """Start a run, stop it after its first step or let it finish; return seconds to each point."""
    sets = [word for each in (f"run.dir={folder}", *overrides) for word in ("--set", each)]
    ready = folder.with_suffix(".ready")
    command = [sys.executable, "-c", RUN, ready, "--config", config, *sets]
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    begin, log = time.monotonic(), folder / "metrics.jsonl"
    awaited = {
        "scored": lambda: "baseline" in read(log),
        "ordered": lambda: (folder / "orders" / "epoch-001.txt").exists(),
        "first step begun": ready.exists,
        "logged": lambda: '"event": "step"' in read(log),
    }
    times: dict[str, float] = {}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        for what, has_come in awaited.items():
            while not has_come():
                if process.poll() is not None or time.monotonic() - begin > LONGEST:
                    process.kill()
                    raise RuntimeError(f"the run ended, or hung, before it had {what}")
                time.sleep(0.02)
            times[what] = time.monotonic() - begin
        if not finish:
            process.kill()
    return times


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    main()
