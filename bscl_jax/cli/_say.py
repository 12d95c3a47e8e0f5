"""Lines for people."""

from rich.console import Console


def say(console: Console, text: str) -> None:
    """Print a line as it is: brackets in a path are no markup, and a long line is not broken."""
    console.print(text, markup=False, soft_wrap=True)
