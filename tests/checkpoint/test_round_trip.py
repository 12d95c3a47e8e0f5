import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from bscl_jax import checkpoint
from tests.checkpoint import trees


def everywhere(devices: int) -> NamedSharding:
    mesh = jax.make_mesh(
        (devices,), ("batch",), axis_types=(AxisType.Auto,), devices=jax.devices()[:devices]
    )
    return NamedSharding(mesh, PartitionSpec())


def test_a_tree_comes_back_with_its_structure_types_and_values(tmp_path: Path) -> None:
    tree = trees.make_tree()
    checkpoint.save(tmp_path, 3, tree, {"epoch": 1, "best": {"score": 0.1}})
    restored, facts = checkpoint.restore(tmp_path, tree)
    trees.assert_equal(restored, tree)
    assert facts == {"epoch": 1, "best": {"score": 0.1}}


def test_host_arrays_stay_host_arrays_of_64_bits(tmp_path: Path) -> None:
    tree = {"order": np.array([2**40, 1])}
    checkpoint.save(tmp_path, 0, tree)
    restored, _ = checkpoint.restore(tmp_path, tree)
    assert type(restored["order"]) is np.ndarray
    assert restored["order"].tolist() == [2**40, 1]


@pytest.mark.parametrize(("before", "after"), [(1, 8), (8, 1), (8, 2)])
def test_what_was_saved_on_some_devices_is_restored_on_others(
    before: int, after: int, tmp_path: Path
) -> None:
    kernel = np.arange(12, dtype=np.float32).reshape(3, 4)
    checkpoint.save(tmp_path, 0, {"kernel": jax.device_put(kernel, everywhere(before))})
    target = jax.ShapeDtypeStruct((3, 4), np.float32, sharding=everywhere(after))
    restored, _ = checkpoint.restore(tmp_path, {"kernel": target})
    assert restored["kernel"].sharding == everywhere(after)
    np.testing.assert_array_equal(restored["kernel"], kernel)


def test_an_array_split_over_devices_is_saved_whole(tmp_path: Path) -> None:
    rows = NamedSharding(everywhere(8).mesh, PartitionSpec("batch"))
    tree = {"rows": jax.device_put(np.arange(16), rows)}
    checkpoint.save(tmp_path, 0, tree)
    restored, _ = checkpoint.restore(tmp_path, {"rows": np.zeros(16, np.int32)})
    np.testing.assert_array_equal(restored["rows"], np.arange(16))


def test_a_restored_tree_may_be_donated_and_restored_again(tmp_path: Path) -> None:
    tree = {"kernel": jnp.ones((64, 64))}
    checkpoint.save(tmp_path, 0, tree)
    for _ in range(2):
        restored, _ = checkpoint.restore(tmp_path, tree)
        assert jax.jit(lambda x: x * 2, donate_argnums=0)(restored["kernel"]).sum() == 2 * 64 * 64


def test_parameters_alone_are_restored_on_request(tmp_path: Path) -> None:
    tree = trees.make_tree()
    checkpoint.save(tmp_path, 0, tree)
    restored, _ = checkpoint.restore(tmp_path, {"params": tree["params"]}, partial=True)
    trees.assert_equal(restored, {"params": tree["params"]})


def test_a_leaf_that_the_target_lacks_is_an_error_unless_a_part_is_asked_for(
    tmp_path: Path,
) -> None:
    checkpoint.save(tmp_path, 0, trees.make_tree(), score=0.5)
    part = {"order": np.zeros(5, int)}
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        for restore in (checkpoints.restore, checkpoints.restore_best):
            with pytest.raises(ValueError, match="done is not in the target"):
                restore(part)
            np.testing.assert_array_equal(
                restore(part, partial=True)[0]["order"], trees.make_tree()["order"]
            )
    with pytest.raises(ValueError, match="done is not in the target"):
        checkpoint.restore(tmp_path, part)


def test_differences_are_named_in_the_order_of_the_leaves(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 0, {name: np.zeros(2) for name in "bcef"})
    target = {name: np.zeros(3) for name in "acdf"}
    with pytest.raises(ValueError, match="does not fit") as raised:
        checkpoint.restore(tmp_path, target)
    named = str(raised.value).split("target: ")[1].split("; ")
    assert [difference[0] for difference in named[:-1]] == list("abcdef")


def test_keys_that_are_told_apart_by_their_type_alone_are_refused(tmp_path: Path) -> None:
    tree = OrderedDict({"1": np.zeros(1), 1: np.ones(1)})
    with pytest.raises(ValueError, match=r"unique, not empty .*, got \[1\]; rename the key"):
        checkpoint.save(tmp_path, 0, tree)


def test_an_empty_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"not empty .*, got \[''\]; rename the key"):
        checkpoint.save(tmp_path, 0, {"": np.zeros(1)})


def test_a_bare_array_is_a_tree(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 0, np.arange(3))
    restored, _ = checkpoint.restore(tmp_path, np.zeros(3, int))
    np.testing.assert_array_equal(restored, np.arange(3))


def test_a_chosen_step_is_restored(tmp_path: Path) -> None:
    trees.save_steps(tmp_path, 1, 2, 3)
    restored, facts = checkpoint.restore(tmp_path, trees.make_tree(), 2)
    trees.assert_equal(restored, trees.make_tree(2))
    assert facts == {"step": 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tree: tree["params"].update(surplus=np.ones(2)), "params/surplus is not in the ch"),
        (lambda tree: tree.pop("order"), "order is not in the target"),
        (lambda tree: tree.update(order=np.arange(6)), r"order is int64\[5\] .*, int64\[6\] in"),
        (
            lambda tree: tree.update(done=np.zeros(2)),
            r"done is bool\[2\] .*, float64\[2\] in the t",
        ),
    ],
)
def test_a_target_that_does_not_fit_is_an_error_that_names_the_leaf(
    change: object, message: str, tmp_path: Path
) -> None:
    checkpoint.save(tmp_path, 0, trees.make_tree())
    target = trees.make_tree()
    change(target)
    with pytest.raises(ValueError, match=f"{message}.*; restore with the settings of the run"):
        checkpoint.restore(tmp_path, target)


def test_without_a_checkpoint_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no checkpoint in .*nowhere .*without resuming"):
        checkpoint.restore(tmp_path / "nowhere", trees.make_tree())
    with pytest.raises(FileNotFoundError, match=r"no checkpoint in .*; check the path"):
        checkpoint.verify(tmp_path)


def test_a_step_that_is_not_there_is_an_error_that_names_those_that_are(tmp_path: Path) -> None:
    trees.save_steps(tmp_path, 1, 2)
    with pytest.raises(FileNotFoundError, match=r"step 7 .*there are \[1, 2\]; leave the step out"):
        checkpoint.restore(tmp_path, trees.make_tree(), 7)


def test_verify_names_each_step(tmp_path: Path) -> None:
    trees.save_steps(tmp_path, 1, 2)
    (tmp_path / "00000001" / "facts.json").unlink()
    assert checkpoint.verify(tmp_path) == {1: ["facts.json: No such file or directory"], 2: []}


def test_the_arrays_can_be_read_without_this_package(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 0, trees.make_tree())
    code = (
        "import orbax.checkpoint as ocp, sys\n"
        "tree = ocp.PyTreeCheckpointer().restore(sys.argv[1])\n"
        "print(tree['params']['dense']['kernel'].shape, tree['order'][0])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "00000000" / "arrays")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"(3, 4) {2**40}"
