import socket
import subprocess
import sys

PROGRAM = """
import sys
import jax
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(f"localhost:{sys.argv[1]}", 2, int(sys.argv[2]))
import numpy as np
from bscl_jax import parallel

mesh = parallel.make_mesh()
rows = np.arange(8, dtype=np.float32).reshape(8, 1)
placed = parallel.place(rows, mesh)
mine = np.concatenate([shard.data for shard in placed.addressable_shards])
np.testing.assert_array_equal(mine, rows[4 * int(sys.argv[2]) :][:4])
weight = parallel.replicate(np.full(1, 2, np.float32), mesh)
assert float(jax.jit(lambda x, w: (x @ w).sum())(placed, weight)) == 56
try:
    parallel.make_mesh(2)
except ValueError as error:
    assert "2 processes" in str(error)
    print("passed")
"""


def test_two_processes_hold_their_own_rows_of_the_same_batch() -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-c", PROGRAM, port]
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
