"""Run the rows of docs/results.md and write its tables.

    python benchmarks/results.py run --task stsb --row mse --row bsc --seeds 3
    python benchmarks/results.py tables

``run`` trains each row with some seeds (``python run.py --runs``); what is finished is left alone,
what was interrupted goes on. ``tables`` gathers what is there into ``docs/results.json`` and writes
the tables of ``docs/results.md`` from that file. The rows are in ``results.yaml``.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from results_tables import gather, write_tables

REPOSITORY = Path(__file__).resolve().parent.parent
ROWS = REPOSITORY / "benchmarks" / "results.yaml"
GATHERED = REPOSITORY / "docs" / "results.json"
PAGE = REPOSITORY / "docs" / "results.md"


def command_of(row: dict[str, Any], folder: Path, seeds: int) -> list[str]:
    """The arguments of ``python`` that make a row."""
    overrides = [f"run.dir={folder}", "export.format=none", *row.get("set", [])]
    sets = [word for each in overrides for word in ("--set", each)]
    config = f"configs/{row['config']}.yaml"
    return ["run.py", "--config", config, *sets, "--runs", str(seeds), "--resume"]


def run(tasks: dict[str, Any], arguments: argparse.Namespace) -> int:
    """Train the chosen rows, one after the other."""
    for name, task in tasks.items():
        if arguments.task and name not in arguments.task:
            continue
        for key, row in task["rows"].items():
            if key == "before" or (arguments.row and key not in arguments.row):
                continue
            folder = arguments.runs / name / key
            command = command_of(row, folder, arguments.seeds)
            print(" ".join(["python", *map(str, command)]), flush=True)
            if status := subprocess.run([sys.executable, *command], cwd=REPOSITORY).returncode:
                return status
    return 0


def tables(tasks: dict[str, Any], runs: Path) -> int:
    """Gather what the runs came to, and write the tables."""
    known = json.loads(GATHERED.read_text()) if GATHERED.is_file() else {}
    gathered = gather(tasks, runs, known)
    GATHERED.write_text(json.dumps(gathered, indent=1) + "\n")
    PAGE.write_text(write_tables(PAGE.read_text(encoding="utf-8"), tasks, gathered), "utf-8")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["run", "tables"])
    parser.add_argument("--task", action="append", help="only this task; may be repeated")
    parser.add_argument("--row", action="append", help="only this row; may be repeated")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("runs/results"), help="their folder")
    arguments = parser.parse_args()
    tasks = yaml.safe_load(ROWS.read_text(encoding="utf-8"))
    if arguments.what == "run":
        return run(tasks, arguments)
    return tables(tasks, arguments.runs)


if __name__ == "__main__":
    sys.exit(main())
