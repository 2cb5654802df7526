"""What a model costs by the batched trainer and by its rivals: ``python -m tests.benchmarks.training [--quick]``.

Every candidate trains the same networks by the same recipe on the same records, in one process on one thread; all are
warmed up and take turns, and the shortest run of each counts. Two workers need a machine that does nothing else.
"""

import argparse
import os
import sys

from privaudit.training.worker_process import worker_environment


def options(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.training", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test in under 40 s")
    parser.add_argument("--workloads", help="names, separated by commas; default: all")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:i")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    return parser, parser.parse_args(arguments)


def main():
    """Start again with the environment of a worker, which glibc and OpenMP read once, and run."""
    parser, chosen = options()
    if worker_environment():
        command = [sys.executable, "-m", "tests.benchmarks.training", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **worker_environment()})
    from tests.benchmarks.training_run import run
    from tests.benchmarks.training_workloads import WORKLOADS

    names = chosen.workloads.split(",") if chosen.workloads else list(WORKLOADS)
    unknown = [name for name in names if name not in WORKLOADS]
    if unknown:
        parser.error(f"--workloads: {', '.join(unknown)} not among {', '.join(WORKLOADS)}")
    run(names, quick=chosen.quick, device=chosen.device, as_text=chosen.format == "text")


if __name__ == "__main__":
    main()
