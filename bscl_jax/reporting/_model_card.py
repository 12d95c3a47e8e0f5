"""The model card that goes with an exported model."""

from collections.abc import Mapping

from bscl_jax.reporting._card_header import card_header
from bscl_jax.reporting._results import Ends, results_markdown
from bscl_jax.reporting._usage import usage


def model_card(
    *,
    title: str,
    base_model: str,
    baseline: Mapping[str, float],
    test: Mapping[str, float],
    facts: Mapping[str, str],
    settings: str,
    repository: str | None = None,
    intervals: Mapping[str, Ends] | None = None,
    note: str = "",
    threshold: float | None = None,
    data: str = "",
    hashes: Mapping[str, str] | None = None,
    pooling: str | None = None,
    two_encoders: bool = False,
    prompted: bool = False,
) -> str:
    """Return the model card as Markdown, in the form that model hubs read.

    Args:
        title: its heading.
        base_model: what was fine-tuned.
        baseline: test measures before training, ``{"set/measure": value}``.
        test: test measures of this model; empty where there is no test split.
        facts: short facts by name (data, kept epoch, temperature, ...).
        settings: the resolved config as text; empty where there is none.
        repository: name of ``base_model`` on the hub; None where it has none.
        intervals: of the test measures, as :func:`compare` takes them.
        note: what the intervals are of.
        threshold: cosine from which a pair counts as alike; None if none was fitted.
        data: the kind of data, as the header names it.
        hashes: SHA-256 of the content of each split.
        pooling: ``"mean"`` or ``"cls"`` where nothing else follows the transformer; None otherwise.
        two_encoders: whether queries and documents have an encoder each.
        prompted: whether queries and documents have a prompt each.

    Example:
        >>> from bscl_jax.reporting import model_card
        >>> card = model_card(
        ...     title="desk", base_model="MiniLM", baseline={}, test={}, facts={}, settings=""
        ... )
        >>> card[card.index("# desk") :].splitlines()[:3]
        ['# desk', '', 'A sentence encoder fine-tuned from MiniLM with bscl_jax.']
    """
    how = usage(threshold=threshold, pooling=pooling, two_encoders=two_encoders, prompted=prompted)
    parts = [
        card_header(title=title, repository=repository, data=data, test=test),
        f"# {title}\n\nA sentence encoder fine-tuned from {base_model} with bscl_jax.\n",
        "".join(f"- {name}: {value}\n" for name, value in facts.items()),
        f"## How to use it\n\n{how}",
    ]
    if test:
        table = results_markdown(baseline, test, intervals)
        parts.append(f"## Test split\n\n{table}\n" + (f"\nIn brackets: {note}.\n" if note else ""))
    if hashes:
        rows = "".join(f"| {split} | `{digest}` |\n" for split, digest in hashes.items())
        parts.append(
            "## Data\n\nSHA-256 of texts and scores as they were read "
            f"(`bscl_jax.data.hash_splits`):\n\n| split | sha256 |\n|---|---|\n{rows}"
        )
    if settings:
        parts.append(f"## Settings\n\n```yaml\n{settings.rstrip()}\n```\n")
    return "\n".join(part for part in parts if part)
