import re
import xml.etree.ElementTree as ElementTree

import pytest

from bscl_jax.reporting._line_names import GAP, spread
from bscl_jax.reporting._plots import epoch_curves, step_curve


def texts(svg: str) -> list[tuple[str, float, float]]:
    """Each text of a picture, with x and y of its anchor in points."""
    found = []
    for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        place = re.search(r"translate\(([-\d.]+) ([-\d.]+)\)", element.get("transform", ""))
        x, y = place.groups() if place else (element.get("x", "nan"), element.get("y", "nan"))
        found.append(("".join(element.itertext()), float(x), float(y)))
    return found


@pytest.mark.parametrize("last", [1, 2, 3, 21])
def test_steps_are_whole_numbers(last: int) -> None:
    svg = step_curve(range(1, last + 1), [1.0] * last, label="loss")
    below = max(y for _, _, y in texts(svg))  # of the word "step"
    numbers = [text for text, _, y in texts(svg) if below - 20 < y < below]
    assert numbers
    assert all(number.isdigit() for number in numbers)


def test_the_numbers_of_a_learning_rate_are_not_cut_off() -> None:
    svg = step_curve(range(1, 22), [1e-6 * i for i in range(1, 22)], label="learning rate")
    axis = re.search(r'<g id="axes_1">.*?<path d="M ([\d.]+)', svg, re.DOTALL)
    assert axis
    assert float(axis[1]) > 7 * len("1.5e−05")  # a letter of 11 points is 7 wide at most


def test_one_step_is_a_point() -> None:
    two, one = (step_curve(range(n), [0.5] * n, label="loss") for n in (2, 1))
    assert one.count("C ") > two.count("C ")  # the curves of a circle


def test_many_epochs_have_room_for_their_numbers() -> None:
    svg = epoch_curves(range(61), {"pairs": [i / 60 for i in range(61)]}, label="dev mrr")
    numbers = [text for text, _, _ in texts(svg) if text.isdigit()]
    assert {"0", "56"} <= set(numbers)
    assert len(numbers) < 20


def test_names_of_lines_that_end_together_stand_apart() -> None:
    curves = {"seen": [0.50, 0.573], "unseen": [0.52, 0.575], "pairs": [0.52, 0.574]}
    svg = epoch_curves([0, 1], curves, label="dev mrr")
    heights = {text: y for text, _, y in texts(svg) if text in curves}
    assert heights["unseen"] < heights["pairs"] < heights["seen"]
    assert heights["pairs"] - heights["unseen"] >= GAP - 0.01
    assert heights["seen"] - heights["pairs"] >= GAP - 0.01
    assert heights["unseen"] > 0.14 * 72 * 3.1 - GAP / 2  # not among the words of the title


def test_the_name_of_a_stage_in_the_last_epoch_is_clear_of_the_names_of_lines() -> None:
    curves = {"seen": [0.4, 0.5], "unseen": [0.5, 0.6]}
    svg = epoch_curves([0, 1], curves, label="dev mrr", marks={1: "combo"})
    places = {text: (x, y) for text, x, y in texts(svg)}
    assert places["combo"][0] < places["unseen"][0]
    assert places["combo"][1] < places["unseen"][1] - 9
    assert "text-anchor: end" in svg[: svg.index("combo")].rpartition("<text")[2]


def test_only_places_that_are_too_near_are_moved() -> None:
    assert spread([], gap=14, top=100) == []
    assert spread([10, 50, 90], gap=14, top=100) == [10, 50, 90]
    assert spread([10, 12, 90], gap=14, top=100) == [10, 24, 90]
    assert spread([10, 95, 98], gap=14, top=100) == [10, 86, 100]
