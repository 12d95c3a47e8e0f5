"""The tool itself: which mistakes it makes, and whether it sees which of them tests notice."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.mutation.__main__ import interval, sample
from tests.mutation.mutants import Mutant, mutants

REPOSITORY = Path(__file__).resolve().parent.parent.parent

SOURCE = '''\
def clip(x: int | None, low: int = 0) -> float | None:
    """Where 1 < 2, ± 3."""
    while not low:
        low += 1
    if x < low and True:
        raise ValueError("1 + 1 is " f"{x + 1}")
    print(x, sep="")
    return abs(x) if low else -x * 2.5  # ± 1
'''
MISTAKES = {
    1: ["low: int = (-1)", "low: int = (1)"],
    3: ["while (low):"],
    4: ["low += (0)", "low += (2)", "pass"],
    5: ["if (x < low or True):", "if (x <= low) and True:", "if x < low and (False):"],
    6: ["pass"],
    7: ["pass"],
    8: [
        "return (x) if low else -x * 2.5  # ± 1",
        "return abs(x) if (not low) else -x * 2.5  # ± 1",
        "return abs(x) if low else (-x / 2.5)  # ± 1",
        "return abs(x) if low else (x) * 2.5  # ± 1",
        "return abs(x) if low else -x * (5.0)  # ± 1",
    ],
}

TOY = """\
def clip(x, low=0):
    while x > 1:
        x -= 1
    return low if x < low else x
"""
TOY_TEST = """\
from bscl_jax.toy import clip

def test_clip():
    assert [clip(x) for x in (-1, 0.5, 1.5)] == [0, 0.5, 0.5]
"""
TOY_ROOMS = """\
seed: 0
patience: 3
least_seconds: 1
rooms:
  toy: {folder: bscl_jax, sample: 5, imports: [hypothesis], tests: {others: [tests/test_toy.py]}}
"""
EQUIVALENT = """\
- file: bscl_jax/toy.py
  was: return low if x < low else x
  becomes: return low if (x <= low) else x
  reason: where they are equal, either is the answer
"""


def test_the_mistakes_are_these_and_neither_in_annotations_nor_in_texts(tmp_path: Path) -> None:
    (tmp_path / "clip.py").write_text(SOURCE, encoding="utf-8")
    found = mutants(tmp_path, "clip.py")
    lines = SOURCE.splitlines()
    assert [each.line for each in found] == [line for line in MISTAKES for _ in MISTAKES[line]]
    for line, mistakes in MISTAKES.items():
        becomes = [each.becomes for each in found if each.line == line]
        if line == 1:
            mistakes = [lines[0].replace("low: int = 0", each) for each in mistakes]
        assert becomes == mistakes
    for each in found:
        changed = each.source.splitlines()
        assert len(changed) == len(lines)
        assert each.was == lines[each.line - 1].strip()
        assert [new for new, old in zip(changed, lines, strict=True) if new != old] == [
            changed[each.line - 1]
        ]


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    for name, text in {
        "bscl_jax/__init__.py": "",
        "bscl_jax/toy.py": TOY,
        "tests/test_toy.py": TOY_TEST,
        "pyproject.toml": "[tool.pytest.ini_options]\n",
        "rooms.yaml": TOY_ROOMS,
        "equivalent.yaml": EQUIVALENT,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(toy: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.mutation", "toy", "--root", str(toy)]
    command += ["--rooms", str(toy / "rooms.yaml"), *options]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)


def test_what_no_test_notices_survives_and_a_loop_without_end_is_noticed(toy: Path) -> None:
    done = run(toy, "--all")
    assert done.stdout.splitlines() == [
        "9 mutants, 9 drawn, 8 not known to be equivalent",
        "survived bscl_jax/toy.py:2",
        "  - while x > 1:",
        "  + while (x >= 1):",
        "7 of 8 killed: 87.5% (52.9% to 97.8%)",
    ], done.stderr
    assert (toy / "bscl_jax" / "toy.py").read_text() == TOY


def test_tests_that_fail_without_a_mistake_are_no_measure(toy: Path) -> None:
    (toy / "tests" / "test_toy.py").write_text("def test_fails():\n    assert False\n")
    done = run(toy)
    assert done.returncode == 1
    assert "fails without any mistake: pytest tests/test_toy.py" in done.stderr


def test_a_sample_has_each_files_share_and_follows_from_its_seed() -> None:
    every = [Mutant(f"{file}.py", line, "", "", "") for file in "abc" for line in range(30)]
    drawn = sample(every, 9, seed=1)
    assert [sum(each.file[0] == file for each in drawn) for file in "abc"] == [3, 3, 3]
    assert drawn == sample(every, 9, seed=1) != sample(every, 9, seed=2)
    assert sorted(sample(every, 500, seed=1)) == sorted(every)


def test_the_interval_is_wilsons() -> None:
    assert interval(85, 100) == pytest.approx((0.7672, 0.9069), abs=1e-4)
    assert interval(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_every_mistake_that_is_listed_as_equivalent_can_be_made() -> None:
    listed = yaml.safe_load((REPOSITORY / "tests/mutation/equivalent.yaml").read_text("utf-8"))
    made = {file: mutants(REPOSITORY, file) for file in {each["file"] for each in listed}}
    for each in listed:
        lines = {each.was: set() for each in made[each["file"]]}
        for mutant in made[each["file"]]:
            lines[mutant.was] |= {mutant.becomes, None}
        assert each["reason"]
        assert each.get("becomes") in lines.get(each["was"], ()), each
