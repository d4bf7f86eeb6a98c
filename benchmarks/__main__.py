"""Runs benchmarks, each in a process of its own, so that peak memory is that of one: `python -m benchmarks net scalars`."""

from __future__ import annotations

import os
import subprocess
import sys

NAMES = {
    "net": "a training step of the 2-2-1 net on 4 rows",
    "scalars": "10,000 neurons and 100,000 weights, from YAML to the first gradient",
    "mlp": "a multilayer perceptron with batch norm, Adam and a ragged last batch",
    "recurrent": "a recurrent net over 256 steps, by scan",
    "scan": "what a position of a scan costs backward, at 1,024 and at 256",
    "limits": "what is promised in seconds: validating, pictures and ledgers of 10,000 nodes",
    "chain": "a chain of 1,000,000 nodes: built, forward, backward",
}


# All are given as many threads: on a shared machine more of them wait for each other, and ratios mean nothing.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
XLA = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def main(names: list[str]) -> int:
    """Runs the benchmarks of these names, or all; 1 where one fails."""
    threads = 1
    if "--threads" in names[:-1]:
        at = names.index("--threads")
        threads, names = int(names[at + 1]), names[:at] + names[at + 2 :]
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"there is no benchmark called {', '.join(unknown)}; there are:")
        for name, about in NAMES.items():
            print(f"  {name:10} {about}")
        return 2
    xla = XLA if threads == 1 else ""
    environment = os.environ | {name: str(threads) for name in THREADS} | {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {xla}"}
    print(f"{threads} thread{'s' if threads > 1 else ''} for each; `--threads N` for more")
    failed = 0
    for name in names or NAMES:
        print(f"\n{name}: {NAMES[name]}", flush=True)
        failed |= subprocess.run([sys.executable, "-W", "ignore", "-m", f"benchmarks.{name}"], check=False, env=environment).returncode
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))
