import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from bscl_jax.reporting import write_report

RECORDS: list[dict[str, Any]] = [
    {"event": "evaluation", "epoch": 0, "step": 0, "dev": {"seen/mrr": 0.5, "unseen/mrr": 0.4}},
    {"event": "step", "step": 1, "epoch": 1, "loss": 1.5, "gradient_norm": 3.0},
    {"event": "step", "step": 2, "epoch": 1, "loss": 1.0, "gradient_norm": 2.0},
    {"event": "evaluation", "epoch": 1, "step": 2, "dev": {"seen/mrr": 0.7, "unseen/mrr": 0.6}},
]


def report(path: Path, **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "title": "A run",
        "records": RECORDS,
        "baseline": {"seen/mrr": 0.5},
        "test": {"seen/mrr": 0.75},
        "summary": {"model": "tiny <b>"},
        "settings": "run:\n  dir: a & b\n",
    }
    write_report(path, **(arguments | changes))
    return path.read_text(encoding="utf-8")


def test_the_report_shows_table_settings_and_curves(tmp_path: Path) -> None:
    html = report(tmp_path / "report.html")
    assert "+0.2500" in html
    assert "dir: a &amp; b" in html
    assert html.count("<svg") == 3  # dev mrr, loss, gradient norm


def test_intervals_stand_in_brackets_and_are_explained(tmp_path: Path) -> None:
    intervals = {"seen/mrr": {"trained": [0.7, 0.8], "gain": [-0.1, 0.3]}}
    html = report(tmp_path / "report.html", intervals=intervals, note="95 % of something")
    assert ">0.7500 [0.7000, 0.8000]<" in html
    assert ">+0.2500 [-0.1000, +0.3000]<" in html
    assert "In brackets: 95 % of something." in html
    plain = report(tmp_path / "plain.html", note="95 % of something")
    assert "In brackets" not in plain


def test_what_is_not_defined_is_no_point_of_a_curve_and_no_curve_where_it_never_is(
    tmp_path: Path,
) -> None:
    undefined: list[dict[str, Any]] = [
        record | {"dev": {"seen/mrr": value, "unseen/mrr": None, "seen/map": None}}
        if record["event"] == "evaluation"
        else record
        for record, value in zip(RECORDS, (0.5, 0.0, 0.0, None), strict=True)
    ]
    html = report(tmp_path / "report.html", records=undefined, test={"seen/mrr": 0.7, "x/mrr": 0.2})
    assert html.count("<svg") == 3  # dev mrr, loss, gradient norm; no map
    first = html[html.index("<svg") : html.index("</svg>") + len("</svg>")]
    text = "".join(ElementTree.fromstring(first).itertext())
    assert "seen" in text
    assert "unseen" not in text
    assert '<td class="number">–</td><td class="number">0.2000</td>' in html


def test_text_from_outside_cannot_become_markup(tmp_path: Path) -> None:
    assert "tiny &lt;b&gt;" in report(tmp_path / "report.html")


def test_each_curve_is_a_whole_svg_that_names_its_lines(tmp_path: Path) -> None:
    html = report(tmp_path / "report.html")
    first = html[html.index("<svg") : html.index("</svg>") + len("</svg>")]
    text = "".join(ElementTree.fromstring(first).itertext())
    assert "dev mrr" in text
    assert "unseen" in text


def test_a_later_stage_is_named_in_every_plot(tmp_path: Path) -> None:
    later: list[dict[str, Any]] = [
        {"event": "step", "step": 3, "epoch": 2, "loss": 0.5, "gradient_norm": 1.0},
        {"event": "evaluation", "epoch": 2, "step": 3, "dev": {"seen/mrr": 0.8, "unseen/mrr": 0.7}},
    ]
    html = report(tmp_path / "report.html", records=[*RECORDS, *later], stages={2: "fine"})
    plots = html.split("<svg")[1:]
    assert len(plots) == 3
    for plot in plots:
        assert ">fine<" in plot
    assert "fine" not in report(tmp_path / "plain.html", records=[*RECORDS, *later])


def test_a_stage_begins_with_its_first_step_though_all_of_its_epoch_were_left_out(
    tmp_path: Path,
) -> None:
    later: list[dict[str, Any]] = [
        {"event": "skip", "step": 3, "epoch": 2, "loss": "nan", "gradient_norm": "nan"},
        {"event": "step", "step": 4, "epoch": 3, "loss": 0.5, "gradient_norm": 1.0},
    ]
    html = report(tmp_path / "report.html", records=[*RECORDS, *later], stages={2: "fine"})
    assert html.count(">fine<") == 3


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    assert report(tmp_path / "a.html") == report(tmp_path / "b.html")


def test_a_run_without_a_test_split_has_no_table(tmp_path: Path) -> None:
    assert "<table>" not in report(tmp_path / "report.html", test={})


BATCHES: list[dict[str, Any]] = [
    {
        "epoch": 1,
        "batches": 9,
        "sampled_batches": 2,
        "duplicates": 0.25,
        "similarity": 0.5,
        "hard": 0.1,
    },
    {
        "epoch": 2,
        "batches": 9,
        "sampled_batches": 2,
        "duplicates": 0.25,
        "similarity": 0.6,
        "hard": None,
    },
]


def test_the_report_shows_what_the_batches_held_and_draws_what_every_epoch_has(
    tmp_path: Path,
) -> None:
    html = report(tmp_path / "report.html", batches=BATCHES)
    assert "<h2>Batches</h2>" in html
    assert '<td class="number">25.00%</td>' in html
    assert html.count("<svg") == 4  # and the similarity
    assert "similarity of the negatives" in html
    assert "9 batches an epoch, similarities in 2 of them" in html


def test_one_epoch_of_batches_makes_no_curve(tmp_path: Path) -> None:
    assert report(tmp_path / "report.html", batches=BATCHES[:1]).count("<svg") == 3


def test_a_run_that_measured_no_batches_has_no_table_of_them(tmp_path: Path) -> None:
    assert "<h2>Batches</h2>" not in report(tmp_path / "report.html")
