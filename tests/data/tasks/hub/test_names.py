"""Names on the hub, with and without a network."""

import shutil

import datasets
import huggingface_hub
import pytest

from bscl_jax.data import load_task
from tests.data.tasks.hub.folders import (
    SPLITS,
    message_of,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(monkeypatch, plain):
    """A hub that answers, and what it and ``datasets`` were asked."""
    asked = []

    def info(self, name, **options):
        asked.append((name, options["revision"]))

    def load_dataset(path, name, *, revision, split):
        asked.append((path, name, revision, datasets.config.HF_HUB_OFFLINE))
        return [datasets.Dataset.from_dict({"query": ["q"], "target": ["t"]}) for _ in split]

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", info)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    return asked


def test_name_and_revision_reach_the_hub(hub):
    task = load_task("hub", path="owner/set", splits=SPLITS, name="one", revision="v2")
    assert hub == [("owner/set", "v2"), ("owner/set", "one", "v2", False)]
    assert task.train.queries == ("q",)


def test_a_hub_out_of_reach_is_asked_once(hub, monkeypatch):
    def fail(self, name, **options):
        raise OSError("no route")

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", fail)
    load_task("hub", path="owner/set", splits=SPLITS)
    assert hub == [("owner/set", None, None, True)]
    assert datasets.config.HF_HUB_OFFLINE is False


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("RepositoryNotFoundError", "owner/set: no such folder and no such data set on the hub"),
        ("GatedRepoError", "owner/set: no such folder and no such data set on the hub"),
        ("RevisionNotFoundError", "owner/set: the hub has no revision 'v9' of it; give a commit"),
    ],
)
def test_what_the_hub_has_not_got_is_named(hub, monkeypatch, error, message):
    kind = getattr(huggingface_hub.errors, error)

    def refuse(self, name, **options):
        raise kind.__new__(kind)

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", refuse)
    assert message_of(FileNotFoundError, path="owner/set", revision="v9").startswith(message)


def test_without_network_and_cache_the_error_says_so():
    message = message_of(FileNotFoundError, path="owner/set")
    assert message.startswith("owner/set: no such folder, not in the cache of the hub, and the hub")
    assert message.endswith("check the path, connect to the network, or unset HF_HUB_OFFLINE")


@pytest.fixture
def cached(cache, plain):
    """A data set of the hub in the cache, as an earlier run leaves it."""
    datasets.load_dataset(str(plain), split="train")
    (made,) = (path.parent for path in cache.rglob("dataset_info.json"))
    copy = cache / "owner___set" / "default" / "0.0.0" / COMMIT
    shutil.copytree(made, copy)
    for path in copy.glob("*.arrow"):
        path.rename(copy / path.name.replace("plain-", "set-"))
    return "owner/set"


@pytest.mark.parametrize("revision", [None, COMMIT])
def test_without_network_the_cached_copy_is_used(cached, revision):
    task = load_task("hub", path=cached, splits=SPLITS, revision=revision)
    assert task.train.queries == ("q1", "q2", "q3", "q4")


def test_a_cached_copy_of_another_commit_is_refused(cached):
    message = message_of(FileNotFoundError, path=cached, revision="main")
    assert f"the commit in its cache is {COMMIT}, not revision 'main'" in message
