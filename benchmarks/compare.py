"""Whether one commit computes more than another: counts, not seconds.

    python benchmarks/compare.py BASE [COMMIT]

Counts both with this ``counts.py``, each with its own library, in a worktree of its own; without
COMMIT, the files as they are here. Prints what has changed, and ends with status 1 if a count is
more than 5 % (``--most``) above that of BASE.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
Counts = dict[str, dict[str, int]]


def count(folder: Path) -> Counts:
    """Count with the library in a folder."""
    with tempfile.TemporaryDirectory() as aside:
        script, out = Path(aside, "benchmarks", "counts.py"), Path(aside, "counts.json")
        script.parent.mkdir()
        script.write_text((REPOSITORY / "benchmarks" / "counts.py").read_text())
        Path(aside, "configs").symlink_to(folder / "configs")
        environment = os.environ | {"PYTHONPATH": str(folder)}
        subprocess.run([sys.executable, script, "--out", out], env=environment, check=True)
        (here,) = json.loads(out.read_text())
        return here["counts"]


def count_commit(commit: str) -> Counts:
    """Count with the library of a commit."""
    with tempfile.TemporaryDirectory() as aside:
        folder = Path(aside, "tree")
        git = ["git", "-C", str(REPOSITORY), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", folder, commit], check=True)
        try:
            return count(folder)
        finally:
            subprocess.run([*git, "remove", "--force", folder], check=True)


def changes(before: Counts, after: Counts) -> list[tuple[str, str, int, int]]:
    """Return program, what is counted, before and after, of each count that both have."""
    return [
        (program, what, before[program][what], number)
        for program, counts in after.items()
        for what, number in counts.items()
        if what in before.get(program, {})
    ]


def is_worse(before: int, after: int, most: float) -> bool:
    """Tell whether a count has grown by more than so large a part."""
    return after > before * (1 + most)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", help="a commit")
    parser.add_argument("commit", nargs="?", help="another; without it, the files as they are")
    parser.add_argument("--most", type=float, default=0.05, help="allowed growth")
    options = parser.parse_args()
    before = count_commit(options.base)
    after = count_commit(options.commit) if options.commit else count(REPOSITORY)
    worse = 0
    for program, what, one, other in changes(before, after):
        if one != other:
            mark = "WORSE" if is_worse(one, other, options.most) else ""
            worse += bool(mark)
            print(f"{program:14}{what:22}{one:>12} → {other:>12}  {other / one - 1:+.1%}  {mark}")
    print("no count is worse" if not worse else f"{worse} counts are worse")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
