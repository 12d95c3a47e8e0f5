"""YAML text and overrides → a checked :class:`Config`, or one message that names every mistake."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pydantic
import yaml

from bscl_jax.config._layers import ConfigError, read_file, read_layers
from bscl_jax.config._mistakes import OVERRIDE, Keys, describe_mistakes
from bscl_jax.config._sections import Config
from bscl_jax.config._stages import fill_stages
from bscl_jax.config._target_encoder import fill_target_encoder


def load(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a config file, and those that it builds on with ``base: other.yaml``.

    A ``base`` is looked for from the folder of the file that names it; what a file says wins over
    its base, section by section and key by key, and a section of another ``kind`` replaces that of
    the base. A list of bases may be given, of which the later win.

    Args:
        path: a YAML file.
        overrides: ``a.b=c`` texts; the value is read as YAML and wins over the file.

    Returns:
        The checked config, defaults filled in.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigError: it is not UTF-8 or not YAML, a key is unknown or missing, a value is not
            allowed. All mistakes are named at once, each with its line, column and path.

    Example:
        >>> from bscl_jax import config
        >>> try:
        ...     config.load("missing.yaml")
        ... except FileNotFoundError as error:
        ...     print(error)
        missing.yaml: no such config file; configs/ has some to start from
    """
    return parse(read_file(Path(path)), overrides, source=str(path))


def parse(text: str, overrides: Sequence[str] = (), *, source: str = "config") -> Config:
    """Read a config from YAML text; see :func:`load`.

    Example:
        >>> from bscl_jax import config
        >>> text = '''
        ... run: {dir: runs/example}
        ... data: {kind: library_desk}
        ... encoder: {kind: random}
        ... loss: {kind: batch_softmax, temperature: 5e-2}
        ... shuffling: {kind: random}
        ... evaluation: {measure: unseen/mrr}
        ... '''
        >>> config.parse(text, ["training.batch_size=64"]).training.batch_size
        64
    """
    raw, layers = read_layers(text, source)
    overridden = {_override(raw, text) for text in overrides}
    filled = fill_stages(fill_target_encoder(raw))
    try:
        return pydantic.TypeAdapter(Config).validate_python(filled)
    except pydantic.ValidationError as error:
        details = error.errors(include_url=False)
        raise ConfigError(describe_mistakes(details, layers, overridden)) from None


def dump(config: Config) -> str:
    """Return the resolved config as YAML, every default written out; ``parse`` reads it back.

    Example:
        >>> from bscl_jax import config
        >>> resolved = config.parse(
        ...     "{run: {dir: runs/example}, data: {kind: library_desk}, encoder: {kind: random}, "
        ...     "loss: {kind: cosine_mse}, shuffling: {kind: random}, evaluation: {measure: a/b}}"
        ... )
        >>> config.dump(resolved).splitlines()[:3]
        ['run:', '  dir: runs/example', '  seed: 0']
    """
    return yaml.safe_dump(as_dict(config), sort_keys=False, allow_unicode=True)


def as_dict(config: Config) -> dict[str, Any]:
    """Return the resolved config as nested dicts of plain values.

    Example:
        >>> from bscl_jax import config
        >>> resolved = config.parse(
        ...     "{run: {dir: runs/example}, data: {kind: library_desk}, encoder: {kind: random}, "
        ...     "loss: {kind: cosine_mse}, shuffling: {kind: random}, evaluation: {measure: a/b}}"
        ... )
        >>> config.as_dict(resolved)["run"]
        {'dir': 'runs/example', 'seed': 0}
    """
    return pydantic.TypeAdapter(Config).dump_python(config, mode="json")


def _override(raw: dict[str, Any], text: str) -> Keys:
    path, equals, value = text.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"{OVERRIDE} takes section.key=value, was {text!r}")
    section = raw
    for key in keys[:-1]:
        inner = section.get(key)
        if not isinstance(inner, dict | None):
            raise ConfigError(f"{OVERRIDE} {text}: {key!r} is a value, not a section")
        section[key] = dict(inner or {})  # what a YAML alias names too stays as it is there
        section = cast(dict[str, Any], section[key])
    try:
        section[keys[-1]] = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError):  # a date that is none, [[[[…
        raise ConfigError(f"{OVERRIDE} {text}: {value!r} is not valid YAML; quote it") from None
    return tuple(keys)
