"""A run with an encoder for queries and one for targets."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bscl_jax import assemble, cli, config, encoders, training
from bscl_jax.assemble import _road
from tests.cli.conftest import USER_MISTAKE
from tests.end_to_end import tiny
from tests.end_to_end.test_forms import score, settings
from tests.end_to_end.test_mine import mine
from tests.end_to_end.test_resume import STOPPED, a_signal_after, assert_equal_runs

COPY = "target_encoder={}"
RATE = 0.001
"""At which two encoders that were one learn the training pairs."""


@pytest.fixture(scope="module", autouse=True)
def compiled_steps() -> Iterator[None]:
    with tiny.shared_step("towers"):
        yield


@pytest.fixture(scope="module")
def separate(tiny_config, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("separate") / "run"
    assert tiny.train(tiny_config, folder, *settings(tiny_config, COPY, RATE)) == 0
    return folder


def test_the_exported_folder_has_both_each_trained_in_its_own_way(separate: Path) -> None:
    routes = encoders.find_routes(separate / "model")
    assert routes is not None
    queries, targets = (encoders.load(folder)[1] for folder in routes)
    pairs = tiny.PAIRS["train"]
    texts = [text for side in (0, 1) for text in (pair[side] for pair in pairs)]
    _, before = encoders.random(texts, seed=3, num_layers=1, hidden_size=16, max_length=16)
    kernels = [params["layer_0"]["query"]["kernel"] for params in (before, queries, targets)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not np.array_equal(kernels[one], kernels[other])


def test_the_exported_folder_scores_as_the_run_says(separate: Path, tiny_config: Path) -> None:
    found = tiny.results(separate)["dev"]
    for overrides in (settings(tiny_config, COPY, RATE), settings(tiny_config, COPY, RATE)[1:]):
        assert score(tiny_config, overrides, separate / "model") == pytest.approx(found)
    queries = separate / "model" / "query"
    assert score(tiny_config, overrides, queries) != pytest.approx(found)


def test_one_model_stands_for_both_sides(separate: Path, tiny_config: Path) -> None:
    one = separate / "model" / "query"
    two_sides, one_side = settings(tiny_config, COPY, RATE), settings(tiny_config, COPY, RATE)[1:]
    assert score(tiny_config, two_sides, one) == score(tiny_config, one_side, one)


def test_hard_negatives_are_mined_by_both(separate: Path, tmp_path: Path, capsys) -> None:
    path = tiny.write(tmp_path)
    assert mine(path, "--model", str(separate / "model")) == 0
    out = capsys.readouterr().out
    assert "model/query; targets: " in out


def test_a_stopped_and_resumed_run_equals_one_that_was_not(separate, tiny_config, tmp_path) -> None:
    wanted = settings(tiny_config, COPY, RATE)
    with a_signal_after(lambda record: record["event"] == "step" and record["step"] == 2):
        assert tiny.train(tiny_config, tmp_path / "run", *wanted) == STOPPED
    assert tiny.train(tiny_config, tmp_path / "run", *wanted, resume=True) == 0
    assert_equal_runs(tmp_path / "run", separate)


def test_the_step_gets_each_side_by_its_own_tower(tiny_config: Path, monkeypatch) -> None:
    given = []
    monkeypatch.setattr(
        training, "make_step", lambda encode, *rest, **options: given.append(encode)
    )
    prompts = "encoder.prompts={query: 'find: ', document: 'at: '}"
    road = assemble.lay_road(config.load(tiny_config, [prompts, COPY]))
    assert given == [tuple(tower.encode for tower in road.towers)]
    batch = road.batch(np.arange(len(tiny.PAIRS["train"])), 0)
    query, target = tiny.PAIRS["train"][0]
    for side, text in ((batch.queries, f"find: {query}"), (batch.targets, f"at: {target}")):
        assert side.ids[0][side.mask[0]].tolist() == road.encoder.tokenize([text])[0]


@pytest.mark.parametrize(
    ("order", "types"),
    [("null", ["float32"]), ("float32", ["float32"]), ("bfloat16", ["float32", "bfloat16"])],
)
def test_an_order_in_the_type_of_the_encoder_has_no_programs_of_its_own(
    order, types, tiny_config, monkeypatch
) -> None:
    made: list[str] = []

    def note(towers: assemble.Towers, *rest):
        made.append(np.dtype(towers.queries.encoder.module.dtype).name)
        return assemble.make_embeds(towers, *rest)

    monkeypatch.setattr(_road, "make_embeds", note)
    assemble.lay_road(config.load(tiny_config, [f"shuffling.dtype={order}"]))
    assert made == types


def test_the_whole_folder_is_no_encoder_and_the_message_names_what_is(
    separate, tiny_config, capsys
) -> None:
    name = f"encoder={{kind: pretrained, name: {separate / 'model'}}}"
    assert tiny.train(tiny_config, separate.with_name("other"), name) == USER_MISTAKE
    assert "load its folder query or document" in capsys.readouterr().err


def test_the_run_is_exported_as_a_folder_and_not_as_one_program(
    separate: Path, tmp_path: Path, capsys
) -> None:
    def export(name: str, *more: str) -> int:
        return cli.main(["export", str(separate), "--output", str(tmp_path / name), *more])

    assert export("folder") == 0
    for name in ("README.md", "query/model.safetensors", "document/model.safetensors"):
        same = (separate / "model" / name).read_bytes()
        assert (tmp_path / "folder" / name).read_bytes() == same
    assert "model.encode_query(" in (tmp_path / "folder" / "README.md").read_text()
    assert export("program", "--format", "stablehlo") == USER_MISTAKE
    assert "has an encoder for queries and one for documents" in capsys.readouterr().err
