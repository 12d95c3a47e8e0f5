"""Arguments in, exit status out."""

import os
import sys
from collections.abc import Sequence

from bscl_jax.cli._cache import keep_compiled_programs
from bscl_jax.cli._memory import keep_freed_memory
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
    keep_freed_memory()
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
