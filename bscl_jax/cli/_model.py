"""The model that a run leaves: the weights of an epoch, and the card that goes with them."""

from pathlib import Path
from typing import Any

from bscl_jax import assemble, encoders, export, reporting
from bscl_jax import config as configs
from bscl_jax.cli._kept import Kept, base_model, describe


def write_model(
    path: Path,
    config: configs.Config,
    road: assemble.Road,
    kept: Kept,
    results: dict[str, Any],
    *,
    title: str,
) -> None:
    """Write an epoch of a run as a sentence-transformers folder.

    The folder follows from the parameters and ``results`` alone, so that an export of a finished
    run is, byte for byte, what the run itself has left.

    Args:
        path: where the folder shall appear.
        config: the run.
        road: its functions.
        kept: the epoch.
        results: as ``results.json`` has them; without scores where none were measured.
        title: heading of the card.
    """
    two = config.target_encoder is not None
    card = reporting.model_card(
        title=title,
        base_model=base_model(config.encoder),
        repository=base_repository(config, road.encoder),
        baseline=results.get("baseline", {}),
        test=results.get("test", {}),
        intervals=results.get("intervals", {}),
        note=results.get("interval", ""),
        threshold=results["threshold"] if road.encoder.similarity == "cosine" else None,
        facts=describe(config, road, kept, results),
        data=config.data.kind,
        hashes=results["data_sha256"],
        pooling=None if two else plain_pooling(road.encoder),
        two_encoders=two,
        prompted=config.encoder.prompts is not None,
        settings=configs.dump(config),
    )
    queries, targets = (tower.model(kept.params) for tower in road.towers)
    export.sentence_transformers(
        path,
        *queries,
        card=card,
        documents=targets if two else None,
        temperature=results["temperature"],
        threshold=results["threshold"],
    )


def base_repository(config: configs.Config, encoder: encoders.Encoder) -> str | None:
    """Return the name on the hub of what was fine-tuned; None for a folder or random weights."""
    section = config.encoder
    if (
        not isinstance(section, configs.PretrainedEncoder)
        or Path(section.name).expanduser().is_dir()
    ):
        return None
    if "/" in section.name:
        return section.name
    full = f"sentence-transformers/{section.name}"
    return full if full in encoder.source or encoder.source.startswith("wheel") else section.name


def plain_pooling(encoder: encoders.Encoder) -> str | None:
    """Return how to pool where that is a line of code and nothing else is round the model."""
    more = encoder.dense or encoder.checkpoint.lowercase or encoder.prompts.default is not None
    return str(encoder.pooling) if encoder.pooling in ("mean", "cls") and not more else None
