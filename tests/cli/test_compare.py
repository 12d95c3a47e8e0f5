"""Two configs, each with several seeds, beside each other."""

import json

import pytest
from rich.console import Console
from scipy import stats

from bscl_jax.cli import main
from bscl_jax.cli._compare import show
from bscl_jax.cli._seeds import SeedsFolder
from tests.cli.conftest import USER_MISTAKE
from tests.cli.left import leave_finished, leave_run

FIRST = {3: 0.60, 4: 0.65, 5: 0.61}
SECOND = {3: 0.62, 4: 0.70, 5: 0.60}


def compare(first, second, *options):
    return main(["compare", str(first), str(second), *options])


@pytest.fixture
def folders(sound, tmp_path):
    """Two folders of three finished seeds; B has a fourth."""
    for name, values in (("a", FIRST), ("b", {**SECOND, 6: 0.99})):
        for seed, value in values.items():
            leave_finished(
                sound, tmp_path / name / f"seed-{seed}", seed=seed, dev=value / 2, test=value
            )
    return tmp_path / "a", tmp_path / "b"


def found(folders, tmp_path, *options):
    assert compare(*folders, *options, "--output", str(tmp_path / "found.json")) == 0
    return json.loads((tmp_path / "found.json").read_text())


def test_runs_are_paired_by_the_seeds_that_both_have(folders, tmp_path):
    result = found(folders, tmp_path)
    row = result["measures"]["desk/mrr"]
    gains = [SECOND[seed] - FIRST[seed] for seed in FIRST]
    expected = stats.ttest_1samp(gains, 0)
    interval = expected.confidence_interval(0.95)
    assert result["seeds"] == [3, 4, 5]
    assert row["first"] == pytest.approx(0.62)
    assert row["second"] == pytest.approx(0.64)
    assert row["difference"] == pytest.approx(0.02)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
    assert row["p_value"] == pytest.approx(expected.pvalue)
    assert (row["wins"], row["ties"], row["reason"]) == (2, 0, None)


def test_the_table_shows_means_gain_and_wins(folders, capsys):
    assert compare(*folders) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "test split, B beside A, seeds 3, 4, 5" in out
    for cell in ("0.6200", "0.6400", "+0.0200", "2/3", "over seeds only"):
        assert cell in out
    assert "warning" not in out


def test_no_digit_is_cut_off_on_a_narrow_terminal(folders, tmp_path):
    console = Console(width=80, record=True)
    row = found(folders, tmp_path)["measures"]["desk/mrr"]
    long = {"pairs/has_positive@50": row, "desk/average_precision": row}
    shown = {"settings": [], "seeds": [3, 4, 5], "split": "test", "interval": "", "measures": long}
    shown["data"] = []
    show(console, [SeedsFolder(folder) for folder in folders], [FIRST, SECOND], shown)
    text = console.export_text()
    assert "has_positive@50" in text
    assert "average_precision" in text
    assert "…" not in text


def test_the_dev_split_can_be_compared_too(folders, tmp_path):
    assert found(folders, tmp_path, "--split", "dev")["measures"]["desk/mrr"]["first"] == 0.31


def test_settings_that_differ_are_named_and_other_data_are_warned_of(
    folders, sound, tmp_path, capsys
):
    changed = ("loss.temperature=0.05", "data.test=null", "encoder.hidden_size=32")
    for seed in FIRST:
        folder = tmp_path / "b" / f"seed-{seed}"
        leave_finished(sound, folder, *changed, seed=seed, dev=0.5, test=0.5)
    assert len(found(folders, tmp_path)["settings"]) == len(changed)
    lines = capsys.readouterr().out.splitlines()
    assert "from A to B: loss.temperature was 0.1, is 0.05" in lines
    assert "warning: from A to B: encoder.hidden_size was 16, is 32" in lines
    assert any(line.startswith("warning: from A to B: data.test was") for line in lines)


def test_other_data_under_the_same_names_are_warned_of(folders, tmp_path, capsys):
    assert found(folders, tmp_path)["data"] == []
    path = folders[1] / "seed-4" / "results.json"
    results = json.loads(path.read_text())
    results["data_sha256"] = {"train": "0", "test/desk": "2", "dev/desk": "3"}
    path.write_text(json.dumps(results))
    capsys.readouterr()
    assert found(folders, tmp_path)["data"] == ["test/desk", "dev/desk"]
    lines = capsys.readouterr().out.splitlines()
    assert "warning: the data of test/desk differ" in lines
    assert "warning: the data of dev/desk differ" in lines


def test_unfinished_runs_are_named_and_left_out(folders, sound, tmp_path, capsys):
    (tmp_path / "a" / "seed-5" / "results.json").unlink()
    leave_run(sound, tmp_path / "b" / "seed-7", seed=7)
    assert found(folders, tmp_path)["seeds"] == [3, 4]
    output = capsys.readouterr().out
    assert f"warning: {tmp_path}/a: not finished, left out: 5\n" in output
    assert f"warning: {tmp_path}/b: not finished, left out: 7\n" in output


def test_a_measure_that_a_run_lacks_has_a_reason_in_place_of_a_difference(
    folders, sound, tmp_path, capsys
):
    leave_finished(sound, tmp_path / "b" / "seed-4", seed=4, dev=0.5, test=None)
    row = found(folders, tmp_path)["measures"]["desk/mrr"]
    assert (row["difference"], row["p_value"], row["wins"]) == (None, None, None)
    assert row["reason"] == "not defined for 1 of 3 seeds"
    assert "not defined" in capsys.readouterr().out


def refuse(capsys, *arguments):
    """Compare what cannot be compared and return the one message."""
    assert compare(*arguments) == USER_MISTAKE
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    return line.removeprefix("bscl-jax: ")


def test_one_seed_in_common_is_refused(folders, tmp_path, capsys):
    for seed in (4, 5):
        (tmp_path / "b" / f"seed-{seed}" / "results.json").unlink()
    assert refuse(capsys, *folders) == (
        f"two seeds at least must be finished in both folders, were 3, 4, 5 in {tmp_path}/a and "
        f"3, 6 in {tmp_path}/b; train more with --runs"
    )


def test_a_folder_without_runs_of_several_seeds_is_refused(folders, tmp_path, capsys):
    message = f"{tmp_path}/none holds no runs of several seeds; train --runs 3 makes them"
    assert refuse(capsys, folders[0], tmp_path / "none") == message
    single = folders[0] / "seed-3"
    message = f"{single} holds a single run (its scores are in results.json), no runs of several"
    assert refuse(capsys, single, folders[1]).startswith(message)


def test_an_unknown_measure_is_refused_and_the_known_are_named(folders, capsys):
    message = refuse(capsys, *folders, "--measure", "desk/mrr", "--measure", "desk/map")
    assert message == "no measure desk/map in both; there are desk/mrr"


def test_only_the_measures_asked_for_are_compared(folders, sound, tmp_path):
    for folder in folders:
        for seed in FIRST:
            path = folder / f"seed-{seed}" / "results.json"
            results = json.loads(path.read_text())
            results["test"]["desk/map"] = 0.5
            path.write_text(json.dumps(results))
    assert set(found(folders, tmp_path)["measures"]) == {"desk/mrr", "desk/map"}
    assert set(found(folders, tmp_path, "--measure", "desk/map")["measures"]) == {"desk/map"}


def test_runs_without_a_test_split_point_to_the_other_split(sound, tmp_path, capsys):
    for seed in (3, 4):
        folder = tmp_path / "a" / f"seed-{seed}"
        leave_finished(sound, folder, seed=seed, dev=0.5, test=None)
    message = refuse(capsys, tmp_path / "a", tmp_path / "a")
    assert message == "the runs have no measure in common; --split names another split"


def test_an_output_that_cannot_be_written_is_named(folders, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    message = refuse(capsys, *folders, "--output", f"{tmp_path}/file/in/found.json")
    assert message.startswith(f"--output {tmp_path}/file/in/found.json cannot be written to (Not a")
