"""``bscl-jax train`` as one of several processes: ``python -m tests.end_to_end.one_of_several``.

The first argument is a signal that the process sends itself, or 0; the second the step after which.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

from bscl_jax import reporting
from bscl_jax.cli import main


def send_after(number: int, step: int) -> None:
    """Send this process a signal once the step has been logged."""
    log = reporting.MetricsLog.write

    def write(self: reporting.MetricsLog, record: Mapping[str, Any]) -> None:
        log(self, record)
        if record["event"] == "step" and record["step"] == step:
            os.kill(os.getpid(), number)

    reporting.MetricsLog.write = write


if __name__ == "__main__":
    send_after(int(sys.argv[1]), int(sys.argv[2]))
    sys.exit(main(["train", *sys.argv[3:]]))
