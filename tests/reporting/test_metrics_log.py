from pathlib import Path

import pytest

from bscl_jax.reporting import MetricsLog, read_metrics


def test_records_come_back_in_order(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "run" / "metrics.jsonl")
    log.write({"step": 1})
    log.write({"step": 2, "loss": 0.5})
    assert read_metrics(log.path) == [{"step": 1}, {"step": 2, "loss": 0.5}]


def test_a_reopened_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    MetricsLog(tmp_path / "m.jsonl").write({"step": 1})
    log = MetricsLog(tmp_path / "m.jsonl")
    log.write({"step": 2})
    assert log.num_lines == len(read_metrics(log.path)) == 2


def test_cutting_drops_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "m.jsonl")
    for step in range(4):
        log.write({"step": step})
    log.cut(2)
    log.write({"step": "again"})
    assert [record["step"] for record in read_metrics(log.path)] == [0, 1, "again"]
    assert log.num_lines == 3


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"step": 1}\n{"step": 2, "lo')
    assert MetricsLog(path).num_lines == 1
    assert read_metrics(path) == [{"step": 1}]


def test_a_log_that_lost_lines_is_refused(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "m.jsonl")
    log.write({"step": 1})
    with pytest.raises(
        ValueError, match="must have at least 3 lines, as the checkpoint says, had 1"
    ):
        log.cut(3)


def test_a_number_that_is_not_finite_is_refused_and_leaves_no_line(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "m.jsonl")
    with pytest.raises(ValueError, match="not JSON compliant"):
        log.write({"loss": float("nan")})
    assert not log.path.exists()


def test_a_log_without_a_file_counts_and_writes_nothing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = MetricsLog(None)
    log.write({"step": 1})
    assert log.num_lines == 1
    log.cut(0)
    assert log.num_lines == 0
    assert not list(tmp_path.iterdir())
