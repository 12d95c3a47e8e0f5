from dataclasses import dataclass
from typing import NamedTuple

import pytest

from bscl_jax.assemble._fingerprint import list_set


@dataclass(frozen=True)
class Layers:
    size: int
    act: str = "gelu"


@dataclass(frozen=True)
class LaterLayers(Layers):
    added: tuple[int, ...] = ()


class Dense(NamedTuple):
    size: int
    act: str = "gelu"


class LaterDense(NamedTuple):
    size: int
    act: str = "gelu"
    added: bool = False


@pytest.mark.parametrize(("now", "later"), [(Layers, LaterLayers), (Dense, LaterDense)])
def test_a_setting_that_a_later_version_adds_tells_nothing_until_it_is_used(now, later):
    assert list_set(later(3)) == list_set(now(3)) == [("size", 3)]
    assert list_set(later(3, "relu")) == list_set(now(3, "relu")) == [("act", "relu"), ("size", 3)]
    assert list_set(later(3, added=1)) == [("added", 1), ("size", 3)]
