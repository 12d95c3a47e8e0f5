import socket
import subprocess
import sys

import pytest

from bscl_jax import parallel

PROGRAM = """
import sys
import jax
jax.config.update("jax_num_cpu_devices", 2)
import numpy as np
from bscl_jax import parallel

rank = int(sys.argv[2])
parallel.start_processes(f"localhost:{sys.argv[1]}", 2, rank)
assert parallel.is_first() == (rank == 0)

mesh = parallel.make_mesh()
rows = np.arange(8, dtype=np.float32).reshape(8, 1)
placed = parallel.place(rows, mesh)
mine = np.concatenate([shard.data for shard in placed.addressable_shards])
np.testing.assert_array_equal(mine, rows[4 * rank :][:4])
weight = parallel.replicate(np.full(1, 2, np.float32), mesh)
assert float(jax.jit(lambda x, w: (x @ w).sum())(placed, weight)) == 56
(local,) = parallel.to_local([weight])
assert local.is_fully_addressable and float(local[0]) == 2

agree = parallel.make_agree()
assert [agree(0), agree(15 * rank), agree(0), agree(0)] == [0, 0, 15, 0]

written = []
parallel.by_first(lambda: written.append(rank))
assert written == [0] * (rank == 0)
assert parallel.together(lambda: rank) == rank


def refused(action):
    try:
        action()
    except (parallel.ProcessError, ValueError) as error:
        return str(error)


def fail_in_second():
    if rank == 1:
        raise ValueError("of process 1")


expected = ["process 1 has failed; what it said itself tells why", "of process 1"]
assert refused(lambda: parallel.together(fail_in_second)) == expected[rank]
assert refused(lambda: parallel.check_same({"seed": "3"})) is None
message = refused(lambda: parallel.check_same({"seed": "3", "data": str(rank)}))
assert message.startswith("process 1 has another data than process 0"), message
message = refused(lambda: parallel.make_mesh(2))
assert "2 processes" in message, message
print("passed")
"""


@pytest.fixture
def port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def test_two_processes_hold_their_own_rows_and_agree(port) -> None:
    command = [sys.executable, "-c", PROGRAM, str(port)]
    environment = {"JAX_PLATFORMS": "cpu", "PATH": ""}
    running = [
        subprocess.Popen(
            [*command, str(rank)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for rank in range(2)
    ]
    try:
        results = [process.communicate(timeout=120) for process in running]
    finally:
        for process in running:
            process.kill()
    for out, err in results:
        assert out.split()[-1:] == [b"passed"], err.decode()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("localhost:1", 2), "go together, process_id is missing"),
        (("localhost", 2, 0), "coordinator must be host:port, was 'localhost'"),
        (("localhost:1", 2, 2), "process_id must be from 0 to 1, as num_processes is 2, was 2"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        parallel.start_processes(*arguments)


def test_a_port_that_is_taken_is_named(port):
    with (
        socket.create_server(("", port)),
        pytest.raises(ConnectionError, match=f"port {port} cannot be opened"),
    ):
        parallel.start_processes(f"localhost:{port}", 2, 0)


def test_a_coordinator_that_is_not_there_is_named(port):
    with pytest.raises(ConnectionError, match=f"no process 0 at localhost:{port} in 0 s"):
        parallel.start_processes(f"localhost:{port}", 2, 1, timeout=0)


def test_one_process_needs_nobody():
    def fail():
        raise KeyError("its own")

    agree = parallel.make_agree()
    assert [agree(15), agree(0)] == [15, 0]
    with pytest.raises(KeyError, match="its own"):
        parallel.together(fail)
