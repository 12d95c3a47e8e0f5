"""Arguments in, exit status out."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bscl_jax.cli.arguments import make_parser

USER_MISTAKE = 2
"""Exit status where the user can put it right; one message says how, without a traceback."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments without the program's name; None takes those of the process.

    Returns:
        0 done; 2 the user's mistake; 75 stopped by SIGTERM and 130 by SIGINT, each with a
        checkpoint written. Anything else raises, which Python turns into 1.
    """
    arguments = make_parser().parse_args(argv)
    widen_thread_pool()
    # Imported here so that --help and a mistyped option answer at once.
    from bscl_jax.cli._folder import RunError

    keep_compiled_programs()
    try:
        return arguments.run(arguments)
    except RunError as error:
        for line in str(error).splitlines():
            print(f"bscl-jax: {line}", file=sys.stderr)
        return USER_MISTAKE


def widen_thread_pool() -> None:
    """Give XLA more threads than virtual CPU devices, if such are asked for.

    Collectives that do not depend on each other can otherwise hold all its threads, each waiting
    for the other's: a deadlock, ended by abort after 40 s.
    """
    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        os.environ.setdefault("NPROC", "64")


def keep_compiled_programs() -> None:
    """Keep what XLA compiles for the next start, unless the user has said where or that not."""
    import jax

    settings: Any = jax.config  # its attributes are made at run time
    if "JAX_COMPILATION_CACHE_DIR" in os.environ or settings.jax_compilation_cache_dir:
        return
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "bscl_jax" / "xla"
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
