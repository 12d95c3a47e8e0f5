"""Each section of data feeds every option of its task, under the option's own name and default."""

import dataclasses
from inspect import signature
from typing import get_args

import pytest

from bscl_jax import config
from bscl_jax.data import TASKS

(UNION, _) = get_args(
    next(field.type for field in dataclasses.fields(config.Config) if field.name == "data")
)
SECTIONS = {
    get_args(field.type)[0]: section
    for section in get_args(UNION)
    for field in dataclasses.fields(section)
    if field.name == "kind"
}


def test_every_task_has_a_section():
    assert SECTIONS.keys() == TASKS.keys()


@pytest.mark.parametrize("kind", TASKS)
def test_the_fields_of_a_section_are_the_options_of_its_task(kind):
    fields = {field.name: field for field in dataclasses.fields(SECTIONS[kind])}
    options = signature(TASKS[kind]).parameters
    assert fields.keys() - {"kind"} == options.keys()
    for name, option in options.items():
        default = fields[name].default
        if fields[name].default_factory is dataclasses.MISSING:
            assert default == (
                dataclasses.MISSING if option.default is option.empty else option.default
            )
