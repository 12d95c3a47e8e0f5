"""What tells apart two starts, and so what the one may take from the other."""

import dataclasses
import hashlib
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from bscl_jax import config as configs
from bscl_jax import encoders
from bscl_jax.assemble._towers import Tower, Towers
from bscl_jax.assemble._weights import sections_of
from bscl_jax.types import Params

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")
ENVIRONMENT = ("XLA_FLAGS", "LIBTPU_INIT_ARGS", "NPROC")


def describe_start(
    config: configs.Config, hashes: Mapping[str, str], towers: Towers, params: Params, mesh: Mesh
) -> str:
    """Describe all that a run does, but for the folder it does it in."""
    run = dataclasses.replace(config.run, dir="any")
    described = (
        *(dataclasses.replace(config, run=run), sorted(hashes.items())),
        *(describe_model(tower, params) for tower in towers[: 1 + (towers[0] is not towers[1])]),
        describe_surroundings(mesh),
    )
    return "\n".join(map(str, described))


def describe_model(tower: Tower, params: Params) -> str:
    """Describe a tower with its weights, to their last bit."""
    encoder, weights = tower.model(params)
    described = (encoder, encoder.module, encoder.tokenizer_digest, tower.prompt)
    return "\n".join(map(str, (*described, hash_weights(weights))))


def hash_weights(weights: Params) -> str:
    """Return the SHA-256 of weights, with their names."""
    values = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(weights):
        array = np.ascontiguousarray(leaf)
        values.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        values.update(array.view(np.uint8).data)
    return values.hexdigest()


def hash_sources(config: configs.Config, towers: Towers, params: Params) -> dict[str, str]:
    """Hash what a run has from elsewhere besides its data, each under a name of its own."""
    return hash_models(config, towers, params) | hash_prompts(towers) | hash_settings(towers)


def hash_models(config: configs.Config, towers: Towers, params: Params) -> dict[str, str]:
    """Hash the models that were found, each under the name of its section.

    The hash is the same on any device and wherever the model lies. A random encoder, adapters and a
    new projection follow from data and config, and are not in it: devices may draw other last bits.
    """
    hashes = {}
    for (key, section), tower in zip(sections_of(config).items(), towers, strict=False):
        if isinstance(section, configs.RandomEncoder):
            continue
        found = dict(params[key])
        if section.projection is not None:
            del found[encoders.last_dense(found)]
        described = (tower.encoder.tokenizer.to_str(), tower.encoder.pooling, hash_weights(found))
        hashes[key] = hashlib.sha256("\n".join(map(str, described)).encode()).hexdigest()
    return hashes


def hash_prompts(towers: Towers) -> dict[str, str]:
    """Hash the prompts of both sides, under ``prompts``; a model's folder may hold them."""
    prompts = repr([tower.prompt for tower in towers])
    return {"prompts": hashlib.sha256(prompts.encode()).hexdigest()}


def hash_settings(towers: Towers) -> dict[str, str]:
    """Hash what the folders of the models say of their layers, under ``settings``.

    What is at its default is left out, so that a setting which a later version adds, and which
    these folders do not have, leaves the hash as it was.
    """
    found = [
        (list_set(each.checkpoint.config), [*map(list_set, each.dense)], each.include_prompt)
        for each in (tower.encoder for tower in towers)
    ]
    return {"settings": hashlib.sha256(repr(found).encode()).hexdigest()}


def list_set(settings: Any) -> list[tuple[str, Any]]:
    """List the fields of a dataclass or named tuple that are not at their defaults, by name."""
    if dataclasses.is_dataclass(settings):
        defaults = {field.name: field.default for field in dataclasses.fields(settings)}
        values = {name: getattr(settings, name) for name in defaults}
    else:
        values, defaults = settings._asdict(), settings._field_defaults
    return sorted(
        (name, value)
        for name, value in values.items()
        if name not in defaults or value != defaults[name]
    )


def describe_surroundings(mesh: Mesh) -> str:
    """Describe program, settings and machine, by which equal arguments have equal results."""
    settings: Any = jax.config  # its attributes are made at run time
    described = (
        *(source_digest(), *map(metadata.version, PACKAGES), sorted(settings.values.items())),
        *(mesh, [device.device_kind for device in mesh.devices.flat], processor()),
        *map(os.environ.get, ENVIRONMENT),
    )
    return "\n".join(map(str, described))


@cache
def source_digest() -> str:
    """Return the SHA-256 of this package's source, of which each commit may round otherwise."""
    digest, root = hashlib.sha256(), Path(__file__).parent.parent
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def processor() -> str:
    """Describe the processor, for whose instructions XLA compiles, and how much of it there is."""
    described = [platform.processor(), str(os.cpu_count())]
    with suppress(OSError, AttributeError):  # elsewhere than on Linux
        described.append(str(len(os.sched_getaffinity(0))))
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        described += [line for line in lines if line.startswith(("model name", "flags"))][:2]
    return " ".join(described)
