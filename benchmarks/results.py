"""Run the rows of docs/results.md and write its tables.

    python benchmarks/results.py run --task stsb --row mse --row bsc --seeds 3
    python benchmarks/results.py tables

``run`` trains each row with some seeds (``python run.py --runs``); what is finished is left alone,
what was interrupted goes on. The rows of sentence-transformers are trained where ``--torch-python``
names a Python that has it. ``tables`` gathers what is there into ``docs/results.json`` and writes
the tables of ``docs/results.md``, and its figure, from that file. The rows are in ``results.yaml``.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from results_figure import draw
from results_peer import train as train_peer
from results_tables import gather, read, write_tables

REPOSITORY = Path(__file__).resolve().parent.parent
ROWS = REPOSITORY / "benchmarks" / "results.yaml"
GATHERED = REPOSITORY / "docs" / "results.json"
PAGE = REPOSITORY / "docs" / "results.md"
FIGURE = REPOSITORY / "docs" / "figures" / "results.svg"


def settings_of(task: dict[str, Any], key: str) -> tuple[Path, list[str]]:
    """The config of a row and what is set besides; a peer's are those of the row it is like."""
    row = task["rows"][key]
    ours = task["rows"][row.get("like", key)]
    overrides = [*task.get("set", []), *ours.get("set", []), "export.format=none"]
    return REPOSITORY / "configs" / f"{ours['config']}.yaml", overrides


def run(tasks: dict[str, Any], arguments: argparse.Namespace) -> int:
    """Train the chosen rows, one after the other."""
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    for name, task in tasks.items():
        if arguments.task and name not in arguments.task:
            continue
        for key, row in task["rows"].items():
            if key == "before" or (arguments.row and key not in arguments.row):
                continue
            path, overrides = settings_of(task, key)
            folder = arguments.runs / name / key
            if "peer" not in row:
                if status := run_ours(path, overrides, folder, seeds):
                    return status
            elif arguments.torch_python:
                for seed in seeds:
                    place = folder / f"seed-{seed}"
                    train_peer(row["peer"], path, overrides, place, seed, arguments.torch_python)
    return 0


def run_ours(path: Path, overrides: list[str], folder: Path, seeds: range) -> int:
    """Train a row of ours; what is finished is left alone."""
    overrides = [*overrides, f"run.seed={seeds.start}", f"run.dir={folder}"]
    sets = [word for each in overrides for word in ("--set", each)]
    command = ["run.py", "--config", path, *sets, "--runs", str(len(seeds)), "--resume"]
    print(" ".join(["python", *map(str, command)]), flush=True)
    return subprocess.run([sys.executable, *command], cwd=REPOSITORY).returncode


def tables(tasks: dict[str, Any], runs: Path) -> int:
    """Gather what the runs came to, and write the tables."""
    known = json.loads(GATHERED.read_text()) if GATHERED.is_file() else {}
    gathered = gather(tasks, runs, known)
    GATHERED.write_text(json.dumps(gathered, indent=1) + "\n")
    PAGE.write_text(write_tables(PAGE.read_text(encoding="utf-8"), tasks, gathered), "utf-8")
    draw(tasks, gathered, FIGURE)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["run", "tables"])
    parser.add_argument("--task", action="append", help="only this task; may be repeated")
    parser.add_argument("--row", action="append", help="only this row; may be repeated")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first-seed", type=int, default=0, help="those before are left out")
    parser.add_argument("--runs", type=Path, default=Path("runs/results"), help="their folder")
    parser.add_argument("--torch-python", help="a Python with sentence-transformers")
    arguments = parser.parse_args()
    tasks = read(ROWS)
    if arguments.what == "run":
        return run(tasks, arguments)
    return tables(tasks, arguments.runs)


if __name__ == "__main__":
    sys.exit(main())
