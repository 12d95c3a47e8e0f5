"""The command line: ``bscl-jax train --config FILE``; ``python run.py`` is the same."""

from bscl_jax.cli._main import main as main
