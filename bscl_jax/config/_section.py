"""What sections of a config are made of: strict frozen dataclasses, and types with a range."""

from dataclasses import dataclass, field
from typing import Annotated, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
"""Unknown keys are mistakes; so are NaN and infinity."""

Section = TypeVar("Section")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def section(cls: type[Section]) -> type[Section]:
    """Make a class a frozen dataclass that is checked strictly."""
    setattr(cls, "__pydantic_config__", STRICT)  # noqa: B010  (no attribute that type has)
    return dataclass(frozen=True)(cls)


Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Name = Annotated[str, Field(min_length=1)]
