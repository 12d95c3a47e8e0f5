"""Several seeds: where they may start, when they stop, what they come to."""

import signal

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from bscl_jax.cli import _runs
from bscl_jax.cli._folder import RunError, RunFolder
from bscl_jax.cli._runs import check_same_data
from bscl_jax.cli._seeds import SeedsFolder, check_holds_runs, read_scores
from bscl_jax.cli._summary import show_summary, summarize
from bscl_jax.cli._train import train_one
from tests.cli.left import leave_finished, leave_run, scores
from tests.end_to_end import tiny

STOPPED = 75


def test_the_folder_of_a_single_run_takes_no_further_seeds(refuse, sound, tmp_path):
    leave_run(sound, tmp_path / "run")
    assert refuse(runs=2, resume=True) == [
        f"run.dir {tmp_path}/run holds a single run; leave out --runs, or choose another with "
        "--set run.dir=…"
    ]


def test_the_folder_of_several_runs_takes_no_single_run(refuse, sound, tmp_path):
    leave_run(sound, tmp_path / "run" / "seed-3")
    assert refuse(resume=True) == [
        f"run.dir {tmp_path}/run holds the runs of several seeds; go on with --runs, or choose "
        "another with --set run.dir=…"
    ]


def test_a_folder_with_other_content_is_left_alone(refuse, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("three years of work")
    (line,) = refuse(runs=2)
    assert line.startswith(f"run.dir {tmp_path}/run exists and is no folder of runs; choose")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.tex"]


def test_files_beside_runs_lock_nobody_out(sound, tmp_path):
    folder = SeedsFolder(tmp_path / "run")
    leave_run(sound, folder.run(3).path)
    for name in ("compare.json", ".DS_Store"):
        (folder.path / name).write_text("")
    check_holds_runs(folder)


def test_an_unfinished_later_seed_is_refused_before_an_earlier_one_starts(refuse, sound, tmp_path):
    leave_run(sound, tmp_path / "run" / "seed-4", seed=4)
    (line,) = refuse(runs=2)
    assert line.startswith(f"{tmp_path}/run/seed-4 holds an unfinished run; go on with --resume")
    assert not (tmp_path / "run" / "seed-3").exists()


def test_a_finished_seed_of_another_config_is_refused(refuse, sound, tmp_path):
    folder = tmp_path / "run" / "seed-3"
    leave_finished(sound, folder, "training.epochs=9", dev=0.5, test=0.5)
    assert refuse(runs=2) == [
        f"{tmp_path}/run/seed-3 was trained with another config (training.epochs was 9, is 2), "
        "which has no mean with yours; choose another folder with --set run.dir=…"
    ]


def test_a_seed_out_of_range_is_refused(refuse):
    (line,) = refuse("run.seed=2147483647", runs=2)
    assert "run.seed: must be less than 2147483648, was 2147483648" in line


def test_a_signal_between_two_runs_ends_the_whole(sound, tmp_path, monkeypatch, capsys):
    started = []

    def finish(config, console, stop, *, resume, siblings):
        assert [folder.path.name for folder in siblings] == ["seed-4", "seed-5"]
        started.append(config.run.seed)
        signal.raise_signal(signal.SIGTERM)
        return 0

    monkeypatch.setattr(_runs, train_one.__name__, finish)
    assert tiny.train(sound, tmp_path / "run", runs=3) == STOPPED
    assert started == [3]
    assert "stopped before seed 4; the same command with --resume" in capsys.readouterr().out
    assert not (tmp_path / "run" / "runs.json").exists()


def test_means_and_intervals_are_those_of_the_seeds():
    values = [0.6, 0.65, 0.61]
    summary = summarize({7 + i: scores(0.6, value) for i, value in enumerate(values)}, "desk/mrr")
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    row = summary["test"]["desk/mrr"]
    assert row["values"] == {"7": 0.6, "8": 0.65, "9": 0.61}
    assert row["baseline"] == 0.5
    assert (row["mean"], row["sd"]) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert (row["low"], row["high"]) == pytest.approx((low, high))
    assert summary["dev"]["desk/mrr"]["baseline"] == 0.4


def test_the_best_run_is_the_first_that_is_best_on_dev_whatever_it_has_on_test():
    runs = {3: scores(0.6, 0.9), 4: scores(0.8, 0.1), 5: scores(0.8, 0.2)}
    best = summarize(runs, "desk/mrr")["best"]
    assert best == {
        "seed": 4,
        "best_epoch": 1,
        "dev": {"desk/mrr": 0.8},
        "test": {"desk/mrr": 0.1},
    }


def test_a_single_run_has_no_interval_and_says_why():
    row = summarize({3: scores(0.6, 0.9)}, "desk/mrr")["test"]["desk/mrr"]
    assert (row["mean"], row["low"], row["high"], row["sd"]) == (0.9, None, None, None)
    assert row["reason"] == "a single value shows no spread"


def test_a_measure_that_a_run_lacks_has_no_mean_and_says_why():
    runs = {3: scores(0.6, 0.9, **{"pairs/spearman": 0.3}), 4: scores(0.6, 0.9)}
    row = summarize(runs, "desk/mrr")["test"]["pairs/spearman"]
    assert (row["mean"], row["low"], row["reason"]) == (None, None, "not defined in 1 of 2 runs")
    assert row["values"] == {"3": 0.3, "4": None}


def test_the_tables_fit_a_narrow_terminal_and_say_what_the_interval_is_of(tmp_path):
    runs = {seed: scores(0.6, 0.9, **{"desk/has_positive@50": 0.25}) for seed in range(5)}
    console = Console(width=80, record=True)
    show_summary(console, SeedsFolder(tmp_path), summarize(runs, "desk/mrr"))
    tables, _, rest = console.export_text().partition("±  95 % ")
    assert "has_positive@50" in tables
    assert tables.count("0.2500") == 1 + len(runs)
    assert max(map(len, tables.splitlines())) <= 80
    assert "over seeds only" in rest


@pytest.mark.parametrize(
    ("log", "fault"),
    [
        ("", "StopIteration: "),
        (None, r"FileNotFoundError: .*metrics\.jsonl'"),
        ('{"epoch": 0, "dev": {}}\n', "KeyError: 'event'"),
    ],
)
def test_a_finished_run_that_is_damaged_is_named(log, fault, tmp_path):
    results = '{"baseline": {}, "dev": {}, "test": {}, "best_epoch": 0}'
    (tmp_path / "results.json").write_text(results)
    if log is not None:
        (tmp_path / "metrics.jsonl").write_text(log)
    with pytest.raises(RunError, match=rf"run in {tmp_path} cannot be read \({fault}\); remove"):
        read_scores(RunFolder(tmp_path))


@pytest.mark.parametrize("text", ["{", "[1]", "", "{}", '{"dev": {}}'])
def test_damaged_results_are_named(text, sound, tmp_path):
    run = tmp_path / "run" / "seed-3"
    leave_finished(sound, run, dev=0.5, test=0.5)
    (run / "results.json").write_text(text)
    with pytest.raises(RunError, match=rf"^{run}/results\.json is damaged \(.*\); remove it, and"):
        read_scores(RunFolder(run))


def test_runs_on_different_data_have_no_mean(tmp_path):
    folder = SeedsFolder(tmp_path)
    same = {seed: {"data_sha256": {"train": "a"}} for seed in (3, 4)}
    check_same_data(folder, same)
    with pytest.raises(RunError, match=r"the data of .*seed-5 are not those of .*seed-3; choose"):
        check_same_data(folder, {**same, 5: {"data_sha256": {"train": "b"}}})


def test_a_summary_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"file/runs\.json cannot be written \(.*\); the runs are"):
        SeedsFolder(tmp_path / "file").write_summary({})
