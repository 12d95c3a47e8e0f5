"""The examples in the docstrings run, and whatever is public has one."""

import doctest
import inspect
from importlib import import_module

import pytest

from bscl_jax.encoders import _locate
from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "bscl_jax"
MODULES = sorted(
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
INTERNAL = {"assemble", "cli"}  # nobody else calls them
ROOMS = sorted(
    path.parent.name for path in PACKAGE.glob("*/__init__.py") if path.parent.name not in INTERNAL
)
NEEDS_WHEEL = {"bscl_jax.sentence_encoder"}

WITHOUT_EXAMPLE = {"training.train"}  # a page of arguments: docs/training.md shows a call


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name):
    if name in NEEDS_WHEEL and _locate._find_wheel() is None:
        pytest.skip(f"needs the weights: {_locate._INSTALL_WHEEL}")
    result = doctest.testmod(import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_function_has_an_example(room):
    module = import_module(f"bscl_jax.{room}")
    names = getattr(module, "__all__", [name for name in vars(module) if name[0] != "_"])
    functions = {name: getattr(module, name) for name in names}
    lacking = {
        f"{room}.{name}"
        for name, function in functions.items()
        if inspect.isroutine(function) and ">>> " not in (function.__doc__ or "")
    }
    assert lacking == {name for name in WITHOUT_EXAMPLE if name.startswith(f"{room}.")}
