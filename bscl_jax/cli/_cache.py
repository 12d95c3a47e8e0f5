"""What one start keeps for the next, in the user's cache."""

import os
from pathlib import Path
from typing import Any


def cache_folder(name: str) -> Path:
    """Return where things of one kind are kept; they may be deleted at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "bscl_jax" / name


def keep_compiled_programs() -> None:
    """Keep what XLA compiles for the next start, unless the user has said where or that not."""
    import jax

    settings: Any = jax.config  # its attributes are made at run time
    if "JAX_COMPILATION_CACHE_DIR" in os.environ or settings.jax_compilation_cache_dir:
        return
    jax.config.update("jax_compilation_cache_dir", str(cache_folder("xla")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
