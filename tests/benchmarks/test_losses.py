"""The side-by-side measurement of the losses, at toy sizes, from the command line to the figure."""

import importlib.util
import json
import os
import sys
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

from bscl_jax import losses
from bscl_jax.losses._batch_softmax import IMPLEMENTATIONS
from tests.benchmarks.scripts import BENCHMARKS, run

SIZES = (32, 64)
FIELDS = {
    "contender",
    "label",
    "n",
    "saves_memory",
    "knob",
    "setting",
    "seconds",
    "quartiles",
    "compiled_bytes",
    "peak_bytes",
    "loss",
    "agrees",
    "note",
}
FLOAT64_TOLERANCE = 1e-12


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("benchmarks")


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    written = ("--out", folder / "losses.json", "--plot", folder / "losses.svg")
    # A Python without torch, so that only this package runs.
    bare = ("--torch-python", folder / "none")
    return run("losses.py", "--sizes", *SIZES, "--repeats", 3, *written, *bare)


@pytest.fixture(scope="module")
def report(folder: Path, printed: str) -> dict:
    return json.loads((folder / "losses.json").read_text(encoding="utf-8"))


def test_every_implementation_is_measured_at_every_size(report: dict):
    measured = {(case["contender"], case["n"]) for case in report["cases"]}
    assert measured == {(name, n) for name in IMPLEMENTATIONS for n in SIZES}
    for case in report["cases"]:
        assert set(case) == FIELDS
        assert len(case["seconds"]) == 3
        assert 0 < case["quartiles"][0] <= case["quartiles"][1] <= case["quartiles"][2]
        assert case["agrees"] is True
        assert case["note"] is None


def test_the_planned_memory_holds_both_gradients_at_least(report: dict):
    for case in report["cases"]:
        assert case["compiled_bytes"] >= 2 * case["n"] * report["dimension"] * 4


def test_a_library_that_is_not_there_is_reported_with_its_reason(report: dict, printed: str):
    assert set(report["not_run"]) == {"sentence_transformers", "inf_cl", "representax"}
    assert report["not_run"]["sentence_transformers"].endswith("No such file or directory")
    assert "representax: not run: no Python with it: give --representax-python" in printed


def test_the_table_names_every_implementation_and_size(printed: str):
    for name in IMPLEMENTATIONS:
        assert f"bscl_jax {name}" in printed
    assert all(f" {n} " in printed for n in SIZES)


def test_the_figure_names_every_line(folder: Path, report: dict):
    drawn = (folder / "losses.svg").read_text(encoding="utf-8")
    assert all(drawn.count(case["label"]) >= 2 for case in report["cases"])  # in both panels


def test_the_figure_is_drawn_again_from_the_report_byte_for_byte(folder: Path, report: dict):
    run("losses_figure.py", folder / "losses.json", folder / "again.svg")
    assert (folder / "again.svg").read_bytes() == (folder / "losses.svg").read_bytes()


def test_sentence_transformers_agrees_and_is_measured(tmp_path: Path):
    python = os.environ.get("BSCL_JAX_TORCH_PYTHON")
    if python is None and importlib.util.find_spec("sentence_transformers") is None:
        pytest.skip("needs sentence-transformers: set BSCL_JAX_TORCH_PYTHON to a Python with it")
    out = tmp_path / "losses.json"
    run("losses.py", "--sizes", 32, "--torch-python", python or sys.executable, "--out", out)
    cases = {case["contender"]: case for case in json.loads(out.read_text())["cases"]}
    for name in ("sentence_transformers", "sentence_transformers_cached"):
        assert cases[name]["agrees"] is True
        assert cases[name]["quartiles"][1] > 0


class TestContest:
    """What a contest decides, with a process that only pretends."""

    class Pretender:
        """Answers as told: its seconds grow with n², its loss is right or a little wrong."""

        def __init__(self, settings: dict[int | None, float], off: float = 0.0) -> None:
            given = [setting for setting in settings if setting is not None]
            facts = {"label": "x", "saves_memory": True, "knob": "k", "settings": given}
            self.contenders = {"x": facts}
            self.asked: list[str] = []
            self._settings = settings
            self._off = off

        def ask(self, command: str, limit: float = 0.0, question: dict | None = None) -> dict:
            self.asked.append(command)
            question = question or {}
            if command == "compile":
                self._n = question["n"]
                return {"compiled_bytes": 1000 * self._n}
            if command == "load":
                queries, targets = (np.load(question[x]) for x in ("queries", "targets"))
                self._right = self.reference(queries, targets, 0.05, 16)
            if command == "run":
                loss, gradients = self._right
                seconds = self._settings[question["setting"]] * self._n**2
                probe = gradients.ravel().tolist()
                loss *= 1 + self._off
                return {"seconds": seconds, "loss": loss, "probe": probe, "peak_bytes": 1}
            return {}

    @pytest.fixture
    def contest(self, monkeypatch):
        monkeypatch.syspath_prepend(str(BENCHMARKS))
        import losses_contest
        import losses_reference

        monkeypatch.setattr(
            self.Pretender, "reference", staticmethod(losses_reference.reference), raising=False
        )

        def make(process, seconds: float = 1e9, size: float = 1e12):
            limits = losses_contest.Limits(seconds, size, repeats=5)
            return losses_contest.Contest([process], limits, dimension=4, seed=0)

        return make

    def test_the_fastest_setting_is_kept(self, contest):
        (case,) = contest(self.Pretender({8: 3.0, 16: 1.0, 32: 2.0})).size(32)
        assert case.setting == 16
        assert case.seconds == [1.0 * 32**2] * 5

    def test_a_wrong_loss_is_found(self, contest):
        assert contest(self.Pretender({None: 1.0}, off=9e-6)).size(32)[0].agrees is True
        assert contest(self.Pretender({None: 1.0}, off=1.1e-5)).size(32)[0].agrees is False

    def test_a_size_that_would_take_too_long_is_not_run(self, contest):
        process = self.Pretender({None: 1e-3})
        these = contest(process, seconds=5 * 1e-3 * 64**2 - 1e-6)
        assert these.size(32)[0].note is None
        asked = process.asked.count("run")
        (case,) = these.size(64)
        assert case.note == "5 runs would take about 20 s, limit 20"
        assert case.compiled_bytes == 64000
        assert process.asked.count("run") == asked

    def test_a_size_that_needs_too_much_memory_is_not_run(self, contest):
        process = self.Pretender({None: 1e-3})
        (case,) = contest(process, size=31999).size(32)
        assert case.note is not None
        assert case.note.startswith("needs about")
        assert "run" not in process.asked

    def test_runs_stop_where_the_next_would_break_the_limit(self, contest):
        (case,) = contest(self.Pretender({None: 1e-3}), seconds=4.5 * 1e-3 * 32**2).size(32)
        assert len(case.seconds) == 4


def test_the_reference_is_the_dense_loss_in_float64(monkeypatch, float64):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from losses_reference import reference

    queries, targets = np.random.default_rng(0).normal(size=(2, 24, 5))
    value, gradients = reference(queries, targets, 0.05, 16)
    slope = jax.value_and_grad(partial(losses.batch_softmax, temperature=0.05), argnums=(0, 1))
    right, slopes = jax.jit(slope)(queries, targets)
    np.testing.assert_allclose(value, right, rtol=FLOAT64_TOLERANCE)
    of_sides = np.stack([np.asarray(x[:16]) for x in slopes])
    np.testing.assert_allclose(gradients, of_sides, rtol=0, atol=FLOAT64_TOLERANCE)


@pytest.mark.parametrize("heights", [[0.5, 0.1, 0.9], [0.5, 0.5, 0.5], [0.3, 0.31, 0.29, 0.9]])
def test_names_are_moved_apart_in_their_order_and_no_further(monkeypatch, heights: list[float]):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from losses_figure import spread

    moved = np.array(spread(heights, 0.1))
    order = np.argsort(heights, kind="stable")
    assert (np.diff(moved[order]) >= 0.1 - 1e-9).all()
    assert np.isclose(moved.mean(), np.mean(heights))
    if (np.diff(np.sort(heights)) >= 0.1).all():
        np.testing.assert_allclose(moved, heights)
