"""The measurement of the shuffles, at toy sizes."""

import json
from pathlib import Path

from tests.benchmarks.scripts import run


def test_the_script_measures_every_part_and_our_recall_is_whole(tmp_path: Path):
    sizes = "--n 600 --dimension 8 --rows 64 --slice 32 --checked 16 --counts 5 --greedy-n 500"
    run("shuffling.py", *sizes.split(), "--out", tmp_path / "shuffling.json")
    report = json.loads((tmp_path / "shuffling.json").read_text(encoding="utf-8"))
    ours = [case for case in report["search"] if case["search"] == "ours"]
    assert [(case["recall"], case["order"]) for case in ours] == [(1, 1), (1, 1)]
    assert len(report["shuffle"]) == 2
    assert [case["n"] for case in report["greedy"]] == [500] * 4
