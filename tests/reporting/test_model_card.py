import re
from typing import Any

import pytest
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

from bscl_jax.reporting import model_card

SETTINGS = 'run:\n  dir: "a: b"\n'


def make(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "title": "My model: first",
        "base_model": "all-MiniLM-L6-v2",
        "baseline": {"seen/mrr": 0.5, "pairs/spearman": 0.4},
        "test": {"seen/mrr": 0.75, "pairs/spearman": 0.45678949},
        "facts": {"temperature": "0.05"},
        "settings": SETTINGS,
        "data": "library_desk",
    }
    return model_card(**(arguments | changes))


def blocks(card: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", card, re.DOTALL)


def test_the_card_says_what_was_reached_and_how_it_was_trained() -> None:
    card = make()
    assert "# My model: first\n" in card
    assert "fine-tuned from all-MiniLM-L6-v2 with bscl_jax" in card
    assert "| seen | mrr | 0.5000 | 0.7500 | +0.2500 |" in card
    assert "- temperature: 0.05" in card
    assert blocks(card, "yaml") == [SETTINGS]


def test_intervals_stand_in_brackets_and_are_explained() -> None:
    intervals = {"seen/mrr": {"trained": [0.7, 0.8], "gain": [-0.1, 0.3]}}
    card = make(intervals=intervals, note="95 % of something")
    assert "| 0.7500 [0.7000, 0.8000] | +0.2500 [-0.1000, +0.3000] |" in card
    assert "In brackets: 95 % of something.\n" in card


def test_the_hub_reads_the_header() -> None:
    header = ModelCard(make(repository="sentence-transformers/all-MiniLM-L6-v2")).data.to_dict()
    assert header["library_name"] == "sentence-transformers"
    assert header["pipeline_tag"] == "sentence-similarity"
    assert header["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    name, results = model_index_to_eval_results(header["model-index"])
    assert name == "My model: first"
    assert [(each.dataset_name, each.metric_type, each.metric_value) for each in results] == [
        ("library_desk, seen", "mrr", 0.75),
        ("library_desk, pairs", "spearman", 0.456789),
    ]


def test_a_set_that_is_called_as_the_data_are_is_named_once() -> None:
    header = ModelCard(make(data="pairs", test={"pairs/mrr": 0.5})).data.to_dict()
    (result,) = model_index_to_eval_results(header["model-index"])[1]
    assert result.dataset_name == "pairs"


def test_a_header_names_no_base_and_no_results_where_there_are_none() -> None:
    header = ModelCard(make(test={}, baseline={})).data.to_dict()
    assert header.keys() == {"library_name", "pipeline_tag", "tags"}


@pytest.mark.parametrize("pooling", ["mean", "cls", None])
@pytest.mark.parametrize("threshold", [0.71, None])
def test_every_way_to_load_is_whole_python(pooling: str | None, threshold: float | None) -> None:
    scripts = blocks(make(pooling=pooling, threshold=threshold), "python")
    assert len(scripts) == 2 + (pooling is not None) + (threshold is not None)
    for script in scripts:
        compile(script, "card", "exec")
    assert any("AutoModel" in script for script in scripts) == (pooling is not None)
    assert any(">= 0.710000" in script for script in scripts) == (threshold is not None)


def test_hashes_are_listed_by_split() -> None:
    assert "| dev/pairs | `ab12` |" in make(hashes={"dev/pairs": "ab12"})
    assert "SHA-256" not in make()


def test_without_tests_and_settings_there_are_no_such_sections() -> None:
    card = make(test={}, settings="")
    assert "## Test split" not in card
    assert "## Settings" not in card


def test_a_card_of_two_encoders_says_which_is_for_what() -> None:
    card = make(two_encoders=True, threshold=0.25, pooling="mean")
    ours, theirs = blocks(card, "python")
    assert ours.index('folder/query")') < ours.index('folder/document")')
    assert "model.encode_query(" in theirs
    assert "model.encode_document(" in theirs
    assert "alike from the cosine 0.250000 on" in card


def test_a_card_of_a_model_with_prompts_puts_them_there() -> None:
    card = make(prompted=True, threshold=0.25, pooling="mean")
    ours, theirs = blocks(card, "python")
    for block in (ours, theirs):
        compile(block, "card", "exec")
        assert "model.encode_query(" in block
        assert "model.encode_document(" in block
    assert "model.encode(" not in card
    assert "alike from the cosine 0.250000 on" in card
