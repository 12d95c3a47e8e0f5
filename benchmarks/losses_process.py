"""A library's process, as the contest sees it: questions go in, answers come out."""

import contextlib
import json
import os
import subprocess
import threading
from pathlib import Path

START_SECONDS = 120.0


class Process:
    """Starts ``losses_worker.py`` for one library; ``failure`` says why it cannot run."""

    def __init__(self, library: str, python: str, threads: int) -> None:
        self.library = library
        self.failure: str | None = None
        self.contenders: dict[str, dict] = {}
        self.versions: dict[str, str] = {}
        self.device = ""
        count = str(threads)
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": count,
            "MKL_NUM_THREADS": count,
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # several processes share a GPU
            # Threads that spin while they wait take the cores from whoever has its turn.
            "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "passive"),
        }
        worker = Path(__file__).with_name("losses_worker.py")
        try:
            self._process = subprocess.Popen(
                [python, str(worker), library, count],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment,
            )
        except OSError as error:
            self.failure = f"{python}: {error.strerror}"
            return
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._questions, self._answers = self._process.stdin, self._process.stdout
        answer = self.ask("hello", limit=START_SECONDS)
        self.failure = answer.get("error")
        if self.failure:
            self.end()
            return
        self.contenders, self.versions = answer["contenders"], answer["versions"]
        self.device = answer["device"]

    def ask(self, command: str, limit: float = START_SECONDS, question: dict | None = None) -> dict:
        """Returns the answer, or an ``error``; a process that takes twice the limit is ended."""
        if self._process.poll() is not None:
            return {"error": "its process has ended"}
        clock = threading.Timer(2 * limit, self._process.kill)
        clock.start()
        try:
            self._questions.write(json.dumps({"command": command, **(question or {})}) + "\n")
            self._questions.flush()
            line = self._answers.readline()
        except BrokenPipeError:
            line = ""
        finally:
            clock.cancel()
        if line:
            return json.loads(line)
        return {"error": f"its process ended (out of memory, or longer than {2 * limit:.0f} s)"}

    def end(self) -> None:
        """Closes its input, at which it returns."""
        for stream in (self._questions, self._answers):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
