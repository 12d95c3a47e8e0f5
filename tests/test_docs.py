"""What the pages say is there is there: links, names of the package, and the README's Python."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

from bscl_jax.encoders import _locate
from tests.conftest import REPOSITORY

PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")])
ROOMS = sorted(path.parent.name for path in REPOSITORY.glob("bscl_jax/*/__init__.py"))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.M)


def anchors(page: Path) -> set[str]:
    """Headings as GitHub names them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def names(source: str) -> set[tuple[str, str]]:
    """What a piece of code asks of a room, as (room, name)."""
    return {
        (node.value.id, node.attr)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ROOMS
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_of_a_room_in_a_block_of_python_exists(page):
    for block in blocks(page, "python"):
        for room, name in names(block):
            assert hasattr(import_module(f"bscl_jax.{room}"), name), f"{room}.{name}"


def test_the_python_of_the_readme_runs():
    if _locate._find_wheel() is None:
        pytest.skip(f"needs the weights: {_locate._INSTALL_WHEEL}")
    found = blocks(REPOSITORY / "README.md", "python")
    assert len(found) == 3
    for block in found:
        exec(block, {})
