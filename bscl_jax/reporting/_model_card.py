"""The model card that goes with an exported model."""

from collections.abc import Mapping

from bscl_jax.reporting._results import results_markdown


def model_card(
    *,
    title: str,
    base_model: str,
    baseline: Mapping[str, float],
    test: Mapping[str, float],
    facts: Mapping[str, str],
    settings: str,
) -> str:
    """Return the model card as Markdown, in the form that model hubs read.

    Args:
        title: its heading.
        base_model: what was fine-tuned.
        baseline: test measures before training, ``{"set/measure": value}``.
        test: test measures of this model; empty where there is no test split.
        facts: short facts by name (data, kept epoch, temperature, ...).
        settings: the resolved config as text.

    Example:
        >>> from bscl_jax.reporting import model_card
        >>> card = model_card(
        ...     title="desk", base_model="MiniLM", baseline={}, test={}, facts={}, settings=""
        ... )
        >>> card.splitlines()[6:9]
        ['# desk', '', 'A sentence encoder fine-tuned from MiniLM with bscl_jax.']
    """
    lines = [
        "---",
        "library_name: sentence-transformers",
        "pipeline_tag: sentence-similarity",
        "tags: [sentence-transformers, sentence-similarity, feature-extraction, bscl_jax]",
        "---",
        "",
        f"# {title}",
        "",
        f"A sentence encoder fine-tuned from {base_model} with bscl_jax.",
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
        "",
        "## How to use it",
        "",
        "```python",
        "from bscl_jax import SentenceEncoder",
        "",
        'model = SentenceEncoder.load("path/to/this/folder")',
        'vectors = model.encode(["a text", "another text"])',
        "```",
        "",
        "or, with sentence-transformers,",
        "",
        "```python",
        "from sentence_transformers import SentenceTransformer",
        "",
        'model = SentenceTransformer("path/to/this/folder")',
        "```",
        "",
    ]
    if test:
        lines += ["## Test split", "", results_markdown(baseline, test), ""]
    lines += ["## Settings", "", "```yaml", settings.rstrip(), "```", ""]
    return "\n".join(lines)
