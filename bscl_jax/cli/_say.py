"""Lines for people."""

import os

from rich.console import Console


class PatientConsole(Console):
    """A console that says no more when nobody reads any longer, as after ``| head``.

    What is being done goes on; rich would end the program.
    """

    def on_broken_pipe(self) -> None:
        """Be quiet from here on; what is still buffered goes nowhere."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


def say(console: Console, text: str) -> None:
    """Print a line as it is: brackets in a path are no markup, and a long line is not broken."""
    console.print(text, markup=False, soft_wrap=True)
