import itertools
import random
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from bscl_jax import checkpoint
from bscl_jax.checkpoint import _folder, _orbax
from tests.checkpoint import trees

FAULTS, ALL_FAULTS = 200, 10_000


@pytest.fixture
def two_steps(tmp_path: Path) -> Path:
    trees.save_steps(tmp_path, 1, 2, scores=(0.1, 0.2))
    return tmp_path


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


DAMAGES = {
    "flipped": lambda path: trees.flip(path, 17),
    "truncated": truncate,
    "emptied": lambda path: path.write_bytes(b""),
    "deleted": Path.unlink,
    "lengthened": lambda path: path.write_bytes(path.read_bytes() + b" "),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_any_file_is_found(damage: str, two_steps: Path) -> None:
    whole = two_steps / "00000002"
    shutil.copytree(whole, two_steps / "kept")
    for path in trees.files_of(two_steps, 2):
        DAMAGES[damage](path)
        problems = checkpoint.verify(two_steps)[2]
        assert any(path.name in problem for problem in problems), (path, problems)
        shutil.copy(two_steps / "kept" / path.relative_to(whole), path)
    assert checkpoint.verify(two_steps)[2] == []


def test_damaged_files_are_named_in_the_order_of_their_paths(two_steps: Path) -> None:
    paths = [path for path in trees.files_of(two_steps, 2) if path.name != "facts.json"]
    for path in paths:
        truncate(path)
    (problems,) = checkpoint.verify(two_steps)[2]
    named = [problem.split(" has ")[0] for problem in problems.split("; ")]
    assert named == [f"arrays/…/{path.name}" for path in paths]


def exchange_leaves(folder: Path, first: str, second: str) -> None:
    """Write a checkpoint anew with two leaves in each other's place and every file in order."""
    record = _folder.read_record(folder)
    arrays = _orbax.read_arrays(folder / "arrays", record.leaves)
    arrays[first], arrays[second] = arrays[second], arrays[first]
    shutil.rmtree(folder)
    folder.mkdir()
    _folder.write(folder, arrays, 2, None, {})
    facts = _folder.read_record(folder)._replace(leaves=record.leaves)
    (folder / "facts.json").write_bytes(_folder._seal(facts._asdict() | {"format": 1}))


LEAVES = ("params/dense/kernel", "moments/0/mu/kernel", "moments/0/count", "order", "done")


@pytest.mark.parametrize(("first", "second"), [*itertools.combinations(LEAVES, 2)])
def test_leaves_that_changed_places_are_found(first: str, second: str, two_steps: Path) -> None:
    exchange_leaves(two_steps / "00000002", first, second)
    (problem,) = checkpoint.verify(two_steps)[2]
    named = problem.removeprefix("leaves do not match their checksums: ").split(", ")
    assert sorted(named) == sorted((first, second))


def spoil(draw: random.Random, files: list[Path]) -> None:
    """Flip a bit, cut a file, empty a stretch of it, lengthen it, exchange it or take it away."""
    path = draw.choice(files)
    octets = path.read_bytes()
    other = draw.choice([each for each in files if each.read_bytes() != octets])
    at = draw.randrange(len(octets))
    match draw.randrange(6):
        case 0:
            trees.flip(path, 8 * at + draw.randrange(8))
        case 1:
            path.write_bytes(octets[:at])
        case 2:
            zeros = bytes(x ^ 0xFF for x in octets[at : at + 16])
            path.write_bytes(octets[:at] + zeros + octets[at + 16 :])
        case 3:
            path.write_bytes(octets + draw.randbytes(1 + at % 9))
        case 4:
            path.write_bytes(other.read_bytes())
            other.write_bytes(octets)
        case 5:
            path.unlink()


@pytest.mark.parametrize(
    "faults", [FAULTS, pytest.param(ALL_FAULTS, marks=pytest.mark.slow, id="all")]
)
def test_every_fault_is_found_named_and_survived(faults: int, two_steps: Path) -> None:
    files = trees.files_of(two_steps, 2)
    whole = {path: path.read_bytes() for path in files}
    draw = random.Random(faults)
    with checkpoint.Checkpoints(two_steps) as checkpoints:
        for number in range(faults):
            spoil(draw, files)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                _, facts = checkpoints.restore(trees.make_tree())
            changed = {path for path in files if not path.is_file()} | {
                path for path in files if path.is_file() and path.read_bytes() != whole[path]
            }
            said = "".join(str(warning.message) for warning in caught)
            assert f"checkpoint {two_steps / '00000002'} is damaged" in said, (number, changed)
            assert any(path.name in said for path in changed), (number, said)
            assert facts == {"step": 1}
            for path in changed:
                path.write_bytes(whole[path])
        assert checkpoints.verify(2) == []


def refuse(monkeypatch: pytest.MonkeyPatch, function: str, error: Exception) -> None:
    def refused(*_: object) -> None:
        raise error

    monkeypatch.setattr(_folder, function, refused)


def test_arrays_that_orbax_cannot_read_are_damaged_whatever_it_raises(
    two_steps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "read_arrays", KeyError("a key"))
    assert checkpoint.verify(two_steps)[2] == ["arrays cannot be read: 'a key'"]


def test_arrays_that_orbax_cannot_write_are_a_failed_save_whatever_it_raises(
    two_steps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "write_arrays", ValueError("RESOURCE_EXHAUSTED"))
    with pytest.raises(checkpoint.SaveError, match=r"step 3 .*arrays: RESOURCE_EXHAUSTED"):
        checkpoint.save(two_steps, 3, trees.make_tree())
    assert checkpoint.verify(two_steps) == {1: [], 2: []}


def test_too_little_memory_is_no_damage(two_steps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for function in ("read_arrays", "write_arrays"):
        refuse(monkeypatch, function, MemoryError())
        with pytest.raises(MemoryError):
            checkpoint.restore(two_steps, trees.make_tree())
        with pytest.raises(MemoryError):
            checkpoint.save(two_steps, 3, trees.make_tree())


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["facts.json", "manifest.ocdbt"])
def test_a_damaged_newest_is_named_and_the_one_before_it_used(
    damage: str, name: str, two_steps: Path
) -> None:
    path = next(path for path in trees.files_of(two_steps, 2) if path.name == name)
    DAMAGES[damage](path)
    with pytest.warns(UserWarning, match=rf"00000002 is damaged: .*{name}"):
        restored, facts = checkpoint.restore(two_steps, trees.make_tree())
    trees.assert_equal(restored, trees.make_tree(1))
    assert facts == {"step": 1}


@pytest.mark.parametrize("name", ["facts.json", "manifest.ocdbt"])
def test_a_damaged_best_is_named_and_the_next_best_used(name: str, two_steps: Path) -> None:
    trees.flip(next(path for path in trees.files_of(two_steps, 2) if path.name == name), 100)
    with (
        checkpoint.Checkpoints(two_steps) as checkpoints,
        pytest.warns(UserWarning, match="00000002 is damaged"),
    ):
        assert checkpoints.restore_best(trees.make_tree())[1] == {"step": 1}


def test_when_all_are_damaged_the_error_says_what_to_do(two_steps: Path) -> None:
    for step in (1, 2):
        (two_steps / f"{step:08d}" / "facts.json").unlink()
    with (
        pytest.warns(UserWarning, match="is damaged"),
        pytest.raises(
            checkpoint.DamagedError, match=r"steps \[2, 1\]\); restore the folder from a"
        ),
    ):
        checkpoint.restore(two_steps, trees.make_tree())


def test_a_damaged_step_that_was_asked_for_is_an_error(two_steps: Path) -> None:
    trees.flip(trees.files_of(two_steps, 2)[0], 3)
    with pytest.raises(checkpoint.DamagedError, match="00000002 is damaged"):
        checkpoint.restore(two_steps, trees.make_tree(), 2)


def test_a_run_goes_on_from_the_whole_one_and_replaces_the_damaged_one(two_steps: Path) -> None:
    trees.flip(trees.files_of(two_steps, 2)[0], 3)
    with checkpoint.Checkpoints(two_steps, keep_latest=1) as checkpoints:
        with pytest.warns(UserWarning, match="00000002 is damaged"):
            checkpoints.restore(trees.make_tree())
        checkpoints.save(1, trees.make_tree(1), {"step": 1})
        assert checkpoints.verify(1) == []
        checkpoints.save(2, trees.make_tree(2), {"step": 2})
    assert checkpoint.verify(two_steps) == {2: []}


def test_a_damaged_one_is_not_removed_and_does_not_count_as_kept(two_steps: Path) -> None:
    (two_steps / "00000001" / "facts.json").unlink()
    for step in (3, 4):
        checkpoint.save(two_steps, step, trees.make_tree(step))
    assert {step: bool(bad) for step, bad in checkpoint.verify(two_steps).items()} == {
        1: True,
        2: False,  # the best
        3: False,
        4: False,
    }


def test_a_damaged_best_does_not_take_the_place_of_the_best_that_is_whole(two_steps: Path) -> None:
    trees.flip(max(trees.files_of(two_steps, 2), key=lambda path: path.stat().st_size), 100)
    with checkpoint.Checkpoints(two_steps) as checkpoints:
        with pytest.warns(UserWarning, match="00000002 is damaged"):
            checkpoints.restore(trees.make_tree())
        for step in (3, 4, 5):
            checkpoints.save(step, trees.make_tree(step), {"step": step})
        with pytest.warns(UserWarning, match="00000002 is damaged"):
            assert checkpoints.restore_best(trees.make_tree())[1] == {"step": 1}
        assert checkpoints.steps() == [1, 2, 4, 5]


def test_damage_outside_what_is_read_is_found_too(two_steps: Path) -> None:
    trees.flip(trees.files_of(two_steps, 2)[-1], 5)
    with pytest.warns(UserWarning, match="00000002 is damaged"):
        checkpoint.restore(two_steps, {"order": np.arange(5)}, partial=True)


def test_a_newer_format_is_not_damage_but_asks_for_an_upgrade(two_steps: Path) -> None:
    path = two_steps / "00000002" / "facts.json"
    content = _folder.read_record(path.parent)._asdict() | {"format": checkpoint.FORMAT + 1}
    path.write_bytes(_folder._seal(content))
    with pytest.raises(ValueError, match=r"has format 2, .* reads up to 1; upgrade bscl_jax"):
        checkpoint.restore(two_steps, trees.make_tree())
