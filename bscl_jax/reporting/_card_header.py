"""The YAML in front of a model card, which model hubs read."""

from collections.abc import Mapping
from typing import Any

TAGS = ["sentence-transformers", "sentence-similarity", "feature-extraction", "bscl_jax"]
TASK = "sentence-similarity"
DIGITS = 6


def card_header(*, title: str, repository: str | None, data: str, test: Mapping[str, float]) -> str:
    """Return the header, the lines round it included.

    Args:
        title: what the model is called.
        repository: name on the hub of the model that was fine-tuned; None where it has none.
        data: what the test sets are of.
        test: test measures, ``{"set/measure": value}``; they become the hub's ``model-index``.
    """
    import yaml

    facts: dict[str, Any] = {
        "library_name": "sentence-transformers",
        "pipeline_tag": TASK,
        "tags": TAGS,
    }
    if repository is not None:
        facts["base_model"] = repository
    if test:
        facts["model-index"] = [{"name": title, "results": _results(data, test)}]
    return f"---\n{yaml.safe_dump(facts, sort_keys=False, allow_unicode=True)}---\n"


def _results(data: str, test: Mapping[str, float]) -> list[dict[str, Any]]:
    """One entry a set, with its measures."""
    sets: dict[str, list[dict[str, Any]]] = {}
    for name, value in test.items():
        group, _, measure = name.partition("/")
        metric = {"type": measure, "name": measure, "value": round(value, DIGITS)}
        sets.setdefault(group, []).append(metric)
    return [
        {
            "task": {"type": TASK},
            # The hub takes results for those of one set unless type, config or split differ.
            "dataset": {
                "name": data if group == data else f"{data}, {group}",
                "type": data,
                "config": group,
                "split": "test",
            },
            "metrics": metrics,
        }
        for group, metrics in sets.items()
    ]
