"""The start of a run that is made of several processes, on one machine or on many."""

import faulthandler
import socket
import time

import jax

HEARTBEAT_SECONDS = 30
"""A process of which nothing was heard for so long is taken for lost, and ends the others."""

SHUTDOWN_SECONDS = 20
"""So long a process that is done, or has failed, waits for the others to be so, too."""


def start_processes(
    coordinator: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    timeout: int = 300,
) -> None:
    """Make this process one of several that compute together; call it before all else of jax.

    Afterwards ``jax.devices()`` are those of all processes; on CPU they talk by Gloo. One
    that dies, or is stopped, ends the others within a minute: each names the lost one and prints
    where its own threads stand.

    Args:
        coordinator: ``host:port`` of process 0, free there, the same in every process. None, here
            and below, leaves all three to jax, which knows SLURM, GKE, Cloud TPU pods and Open MPI
            by their environment.
        num_processes: how many there are.
        process_id: which of them this is, from 0.
        timeout: seconds to wait for the others.

    Raises:
        ValueError: if only some of the three are given, or do not fit each other, or none is and
            the environment names no cluster.
        ConnectionError: if the port of process 0 is taken, or nothing answers there in time. (Where
            process 0 itself waits in vain, jax ends it.)

    Example:
        >>> from bscl_jax import parallel
        >>> parallel.start_processes("localhost:4567", 1, 1)
        Traceback (most recent call last):
        ValueError: process_id must be from 0 to 0, as num_processes is 1, was 1
    """
    given = (coordinator, num_processes, process_id)
    _check(*given)
    if coordinator is not None:
        host, _, port = coordinator.rpartition(":")
        if process_id == 0:
            _see_that_free(int(port))
        else:
            _wait_for(host.strip("[]"), int(port), timeout)
    faulthandler.enable()
    # Its handler of SIGTERM would take the place of Python's, so that no run could be stopped.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            *given,
            initialization_timeout=timeout,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=SHUTDOWN_SECONDS,
        )
    except ValueError as error:
        raise ValueError(
            f"no cluster that jax knows of is named by the environment ({error}); give "
            "coordinator, num_processes and process_id"
        ) from error


def is_first() -> bool:
    """Say whether this is process 0, which alone writes files and speaks; so is a single one.

    Example:
        >>> from bscl_jax import parallel
        >>> parallel.is_first()
        True
    """
    return not jax.distributed.is_initialized() or jax.process_index() == 0


def _check(coordinator: str | None, num_processes: int | None, process_id: int | None) -> None:
    given = {"coordinator": coordinator, "num_processes": num_processes, "process_id": process_id}
    missing = [name for name, value in given.items() if value is None]
    if missing and len(missing) < len(given):
        raise ValueError(
            f"coordinator, num_processes and process_id go together, {missing[0]} is missing"
        )
    if coordinator is None or num_processes is None or process_id is None:
        return
    host, _, port = coordinator.rpartition(":")
    if not (host and port.isdecimal()):
        raise ValueError(f"coordinator must be host:port, was {coordinator!r}")
    if not 0 <= process_id < num_processes:
        raise ValueError(
            f"process_id must be from 0 to {num_processes - 1}, as num_processes is "
            f"{num_processes}, was {process_id}"
        )


def _see_that_free(port: int) -> None:
    """Refuse a port that is taken, with which jax would end in a segmentation fault."""
    try:
        socket.create_server(("", port)).close()
    except OSError as error:
        raise ConnectionError(
            f"port {port} cannot be opened ({error.strerror}); give all processes the address of "
            "another"
        ) from error


def _wait_for(host: str, port: int, timeout: int) -> None:
    """Wait until process 0 is there, for which jax would end this process by abort."""
    until = time.monotonic() + timeout
    while True:
        try:
            return socket.create_connection((host, port), timeout=1).close()
        except OSError as error:
            if time.monotonic() > until:
                raise ConnectionError(
                    f"no process 0 at {host}:{port} in {timeout} s ({error}); start all processes "
                    "with the same address, that of process 0"
                ) from error
        time.sleep(0.2)
