"""What sections of a config are made of: strict frozen dataclasses, and types with a range."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, TypeVar, dataclass_transform, get_args

from pydantic import ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
"""Unknown keys are mistakes; so are NaN and infinity."""

Section = TypeVar("Section")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def section(cls: type[Section]) -> type[Section]:
    """Make a class a frozen dataclass that is checked strictly."""
    setattr(cls, "__pydantic_config__", STRICT)  # noqa: B010  (no attribute that type has)
    made: Any = dataclass(frozen=True)(cls)
    if numbers := [each.name for each in fields(made) if _takes_numbers(each.type)]:
        check = field_validator(*numbers, mode="before")(_refuse_truth)
        made.refuse_truth = check
    return made


def _refuse_truth(cls: Any, value: Any) -> Any:
    """Refuse true and false where a number belongs, which pydantic takes for 1 and 0."""
    if isinstance(value, bool):
        raise PydanticCustomError("number", "must be a number")
    if isinstance(value, list) and any(isinstance(each, bool) for each in value):
        raise PydanticCustomError("numbers", "must be numbers")
    return value


def _takes_numbers(annotation: Any) -> bool:
    parts = set(_parts(annotation))
    return bool(parts & {int, float}) and bool not in parts


def _parts(annotation: Any) -> Iterator[Any]:
    """Find the types that an annotation such as ``Annotated[int, …] | None`` is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Name = Annotated[str, Field(min_length=1)]
