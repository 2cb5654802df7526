"""Peak memory of one group, in a process of its own: ``python -m tests.benchmarks.training_memory digits dp full cpu``."""

import ctypes
import json
import subprocess
import sys
from pathlib import Path

MEGABYTE = 1e6


def peak_memory(workload, private, *, length, device):
    """Return how many megabytes the training of one group adds, and the peak of the whole process (Linux).

    Args:
        workload: name of the workload.
        private: with DP.
        length: see `job_of`.
        device: where to train; on an accelerator its own memory counts.
    """
    arguments = [workload, "dp" if private else "plain", length, device]
    command = [sys.executable, "-m", "tests.benchmarks.training_memory", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def memory_of_process(key):
    """Return megabytes of this process: ``VmRSS`` = held now, ``VmHWM`` = most since the last reset.

    Not ``ru_maxrss``, which a process inherits from the one that started it.
    """
    rows = Path("/proc/self/status").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith(key)) * 1024 / MEGABYTE


def main(workload, kind, length, device):
    """Train one group and print what it took, in megabytes."""
    import torch

    from tests.benchmarks.training_ours import ours
    from tests.benchmarks.training_workloads import job_of, tensors_of

    torch.set_num_threads(1)
    job = job_of(workload, kind == "dp", length=length, device=device)
    tensors_of(job)
    ctypes.CDLL(None).malloc_trim(0)  # what was freed and kept would hide what the training takes
    Path("/proc/self/clear_refs").write_text("5")  # from here on, VmHWM is the training's own peak
    before = memory_of_process("VmRSS")
    ours(job, range(job.plan.group_size))
    peak = memory_of_process("VmHWM")
    if torch.device(device).type == "cuda":
        before, peak = 0.0, torch.cuda.max_memory_allocated(device) / MEGABYTE
    print(json.dumps({"growth_mb": max(0.0, peak - before), "peak_mb": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
