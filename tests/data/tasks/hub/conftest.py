import datasets
import pytest

from tests.data.tasks.hub.folders import LABELLED, SPLITS, write_parquet, write_plain


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def plain(tmp_path):
    return write_plain(tmp_path / "plain", "parquet")


@pytest.fixture
def graded(tmp_path):
    rows = {"sentence1": ["a", "c"], "sentence2": ["b", "d"]}
    write_parquet(tmp_path / "graded" / "train.parquet", **rows, grade=[0.0, 4.0])
    write_parquet(tmp_path / "graded" / "validation.parquet", **rows, grade=[1.0, 5.0])
    return {
        "path": str(tmp_path / "graded"),
        "splits": SPLITS,
        "columns": LABELLED,
        "label_range": [0, 5],
    }
