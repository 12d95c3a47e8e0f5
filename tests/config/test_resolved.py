"""What each config of ``configs/`` means when every default is written out.

A change of a default shows here, in every run that it changes. Where it is meant, write the
golden files anew:

    python -m tests.config.test_resolved
"""

from pathlib import Path

import pytest

from bscl_jax import config
from tests.conftest import REPOSITORY

CONFIGS = REPOSITORY / "configs"
GOLDEN = REPOSITORY / "tests" / "golden" / "configs"
REMEDY = "if that is meant: python -m tests.config.test_resolved, and commit what it writes"

NAMES = sorted(str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob("[!_]*.yaml"))
"""Those that are runs; what begins with an underscore is a part of others."""


def resolve(name: str) -> str:
    return config.dump(config.load(CONFIGS / name))


@pytest.mark.parametrize("name", NAMES)
def test_a_config_resolves_to_its_golden_file(name: str) -> None:
    golden = GOLDEN / name
    assert golden.is_file(), f"configs/{name} has no golden file; {REMEDY}"
    assert resolve(name) == golden.read_text(), f"configs/{name} means something else now; {REMEDY}"


def test_every_golden_file_has_its_config() -> None:
    assert sorted(str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*.yaml")) == NAMES


def write_golden_files(folder: Path = GOLDEN) -> None:
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(resolve(name))


if __name__ == "__main__":
    write_golden_files()
