import contextlib
import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import numpy as np
import pytest

from privaudit.config import EngineConfig
from privaudit.errors import ConfigError, TrainingError, UnsupportedError
from privaudit.training import worker_loop, worker_process
from privaudit.training.executors import InlineExecutor, make_executor
from privaudit.training.process_executor import ProcessExecutor
from privaudit.training.ray_executor import RayExecutor

WITHOUT_RAY = importlib.util.find_spec("ray") is None
needs_ray = pytest.mark.skipif(WITHOUT_RAY, reason="ray is not installed: pip install 'privaudit[ray]'")


@pytest.fixture
def process(tmp_path):
    with contextlib.closing(ProcessExecutor(2, tmp_path / "logs")) as executor:
        yield executor


@pytest.fixture(scope="module")
def ray(tmp_path_factory):
    """One local Ray for all tests: its start takes seconds."""
    with contextlib.closing(RayExecutor(2, logs=tmp_path_factory.mktemp("ray") / "logs")) as executor:
        yield executor


KILLERS = pytest.mark.parametrize("kind", ["process", pytest.param("ray", marks=needs_ray)])


def scaled(factor, task):
    return task, float(factor.sum()) * task


def dies_once(folder, task):
    flag = folder / f"died-{task}"
    if task % 3 == 1 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def dies(how, task):
    if task == 2:
        print("the last words", flush=False)
        os.kill(os.getpid(), how)
    time.sleep(0.02)
    return task


def process_id(_task):
    return os.getpid()


def fails(task):
    raise KeyError(f"task {task}")


class Odd(Exception):
    """Cannot be unpickled: `args` hold one value, and two are asked for."""

    def __init__(self, first, second):
        super().__init__(first)


def fails_oddly(task):
    raise Odd("one\ntwo", task)


def goes_on_for_long(folder, task):
    (folder / f"pid-{task}").write_text(str(os.getpid()))
    time.sleep(0 if task == 0 else 60)
    return task


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def await_true(condition, seconds=40.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Counted:
    """A function that counts how often it is pickled, here, and unpickled, in one file per process."""

    def __init__(self, folder):
        self.folder = folder
        self.pickled = 0

    def __getstate__(self):
        self.pickled += 1
        return {"folder": self.folder, "pickled": 0}

    def __setstate__(self, state):
        self.__dict__.update(state)
        with (self.folder / f"unpickled-{os.getpid()}").open("a") as file:
            file.write(".")

    def __call__(self, task):
        time.sleep(0.01)
        return os.getpid()


@pytest.mark.parametrize(
    "executor",
    [
        InlineExecutor(),
        ProcessExecutor(1),
        ProcessExecutor(2),
        pytest.param(RayExecutor(2), marks=needs_ray),
    ],
    ids=["inline", "process 1", "process 2", "ray"],
)
def test_the_same_results_everywhere(executor, ray_if_installed):
    factor = np.linspace(0.0, 1.0, 1000)
    with contextlib.closing(executor):
        assert sorted(executor.map(partial(scaled, factor), range(7))) == [scaled(factor, task) for task in range(7)]
        assert sorted(executor.map(abs, iter([-3, 2, -1]))) == [1, 2, 3]  # another function, the same workers
        assert list(executor.map(abs, [])) == []


@pytest.fixture
def ray_if_installed(request):
    """The running Ray is used by every `RayExecutor`."""
    return None if WITHOUT_RAY else request.getfixturevalue("ray")


@KILLERS
def test_a_task_is_tried_again_on_a_fresh_worker(request, kind, tmp_path):
    executor = request.getfixturevalue(kind)
    assert sorted(executor.map(partial(dies_once, tmp_path), range(5))) == list(range(5))
    assert len(list(tmp_path.glob("died-*"))) == 2


@KILLERS
def test_a_task_that_kills_every_worker_is_reported_and_the_others_finish(request, kind):
    executor = request.getfixturevalue(kind)
    results = executor.map(partial(dies, signal.SIGSEGV), range(8), lost=lambda task, reason: (task, reason))
    found = list(results)
    lost = [result for result in found if isinstance(result, tuple)]
    assert sorted(result for result in found if not isinstance(result, tuple)) == [0, 1, 3, 4, 5, 6, 7]
    ((task, reason),) = lost
    assert task == 2
    assert reason.startswith("its worker died twice (")
    assert "\n" not in reason
    assert str(executor.logs) in reason
    if kind == "process":
        assert "(SIGSEGV(-11): native code crashed; log: " in reason
        log = reason.rpartition("log: ")[2].rstrip(")")
        with open(log) as file:
            text = file.read()
        assert text.startswith("the last words\n")
        assert "Fatal Python error: Segmentation fault" in text and "in dies" in text


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (signal.SIGKILL, r"SIGKILL\(-9\): out of memory, or killed"),
        (signal.SIGTERM, r"SIGTERM\(-15\)"),
    ],
)
def test_without_lost_an_error_says_what_to_do(how, words):
    with (
        contextlib.closing(ProcessExecutor(2)) as executor,
        pytest.raises(TrainingError, match=rf"died twice of one task \({words}\)\. .*fewer --workers") as caught,
    ):
        list(executor.map(partial(dies, how), range(4)))
    assert "\n" not in str(caught.value)


def test_a_process_that_is_ended_by_its_own_code():
    with contextlib.closing(ProcessExecutor(1)) as executor:
        reasons = list(executor.map(os._exit, [3], lost=lambda task, reason: reason))
    assert reasons == ["its worker died twice (exit code 3: the code it ran ended it)"]


def test_a_child_that_holds_the_line_open_does_not_hide_a_death(tmp_path):
    with contextlib.closing(ProcessExecutor(1)) as executor:
        reasons = list(executor.map(partial(leaves_a_child, tmp_path), [0], lost=lambda task, reason: reason))
    assert "SIGKILL" in reasons[0]
    for path in tmp_path.glob("child-*"):
        os.kill(int(path.name.partition("-")[2]), signal.SIGKILL)


def leaves_a_child(folder, task):
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    (folder / f"child-{child}").touch()
    os.kill(os.getpid(), signal.SIGKILL)


@KILLERS
def test_the_function_is_sent_once(request, kind, tmp_path):
    executor = request.getfixturevalue(kind)
    function = Counted(tmp_path)
    used = set(executor.map(function, range(20)))
    assert function.pickled == 1
    assert {path.name: path.read_text() for path in tmp_path.glob("unpickled-*")} == {
        f"unpickled-{pid}": "." for pid in used
    }


def test_workers_are_kept_until_close(process):
    first = set(process.map(process_id, range(10)))
    assert set(process.map(process_id, range(10))) <= first
    assert len(first) <= 2 and os.getpid() not in first
    process.close()
    assert not any(is_alive(pid) for pid in first)
    (again,) = process.map(process_id, [0])  # a closed executor may be used again
    assert again not in first


def test_a_worker_that_died_in_idle_time_costs_no_try(process):
    (pid,) = process.map(process_id, [0])
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    assert list(process.map(abs, [-1])) == [1]


def test_workers_end_with_their_executor():
    executor = ProcessExecutor(1)
    (pid,) = executor.map(process_id, [0])
    assert is_alive(pid)
    del executor
    assert not is_alive(pid)


@pytest.mark.parametrize("kind", ["process", pytest.param("ray", marks=needs_ray)])
def test_a_closed_generator_ends_the_work_in_flight(request, kind, tmp_path):
    executor = request.getfixturevalue(kind)
    with contextlib.closing(executor.map(partial(goes_on_for_long, tmp_path), range(4))) as results:
        assert next(results) == 0
        await_true(lambda: all((tmp_path / f"pid-{task}").exists() for task in range(3)))
        start = time.monotonic()
    pids = [int((tmp_path / f"pid-{task}").read_text() or 0) for task in range(3)]
    await_true(lambda: not any(is_alive(pid) for pid in pids if pid))
    assert time.monotonic() - start < 40  # the tasks would take a minute
    assert not (tmp_path / "pid-3").exists()
    assert list(executor.map(abs, [-1])) == [1]


@KILLERS
def test_what_a_task_raises_is_raised_here(request, kind):
    executor = request.getfixturevalue(kind)
    with pytest.raises(KeyError, match="task") as caught:
        list(executor.map(fails, range(3)))
    assert any("in fails" in note for note in caught.value.__notes__)
    with pytest.raises(TrainingError, match=r"^Odd: one two$"):  # it does not survive pickling: as text
        list(executor.map(fails_oddly, range(3)))
    with pytest.raises(SystemExit):
        list(executor.map(sys.exit, [0]))


def speaks(task):
    print(f"python {task}")
    subprocess.run(["/bin/sh", "-c", f"echo shell {task} >&2"], check=True)
    return os.environ["MALLOC_TRIM_THRESHOLD_"], os.environ["OMP_NUM_THREADS"]


@KILLERS
def test_logs_hold_what_workers_print(request, kind, capfd):
    executor = request.getfixturevalue(kind)
    set(executor.map(speaks, range(4)))
    lines = [line for path in executor.logs.glob("worker-*.log") for line in path.read_text().splitlines()]
    assert {f"{what} {task}" for what in ("python", "shell") for task in range(4)} <= set(lines)
    assert not any("task_name" in line for line in lines)
    out, err = capfd.readouterr()
    assert "python" not in out and "python" not in err


def test_without_logs_everything_goes_to_stderr(capfd):
    with contextlib.closing(ProcessExecutor(1)) as executor:
        list(executor.map(speaks, [0]))
    out, err = capfd.readouterr()
    assert out == ""
    assert {"python 0", "shell 0"} <= set(err.splitlines())


def test_empty_logs_are_removed(tmp_path):
    executor = ProcessExecutor(2, tmp_path / "logs")
    list(executor.map(abs, range(3)))
    assert (tmp_path / "logs" / "worker-1.log").exists()
    executor.close()
    assert not (tmp_path / "logs").exists()
    list(executor.map(speaks, [0]))
    executor.close()
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["worker-1.log"]


def test_the_users_environment_wins(monkeypatch):
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert worker_process.worker_environment()["MALLOC_TRIM_THRESHOLD_"] == "4000000000"
    with contextlib.closing(ProcessExecutor(1)) as executor:
        assert list(executor.map(speaks, [0])) == [("4000000000", "7")]


SCRIPT = """
import os, sys, time
from privaudit.training.executors import ProcessExecutor

def work(task):  # a script without a guard, and a function of its own
    with open(os.path.join(sys.argv[1], f"pid-{task}"), "w") as file:
        file.write(str(os.getpid()))
    time.sleep(60 if task else 0)
    return task

executor = ProcessExecutor(2)
results = executor.map(work, range(3))
print(next(results), flush=True)
while not all(os.path.exists(os.path.join(sys.argv[1], f"pid-{task}")) for task in range(3)):
    time.sleep(0.01)
if sys.argv[2] == "wait":
    next(results)
"""


def interruptible():
    """A suite that runs in the background of a shell ignores interrupts, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def script(tmp_path):
    started = []

    def _start(what):
        path = tmp_path / "script.py"
        path.write_text(SCRIPT)
        process = subprocess.Popen(
            [sys.executable, str(path), str(tmp_path), what],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=interruptible,  # noqa: PLW1509 - the tests start no threads
        )
        started.append(process)
        names = [tmp_path / f"pid-{task}" for task in range(3)]
        await_true(lambda: all(path.exists() and path.read_text() for path in names))
        return process, [int(path.read_text()) for path in names]

    yield _start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_workers_end_with_their_parent_however_that_ended(script, how):
    process, pids = script("wait")
    process.send_signal(how)
    out, err = process.communicate(timeout=150)
    assert out == "0\n"
    assert process.returncode == -how
    await_true(lambda: not any(is_alive(pid) for pid in pids), seconds=20)
    assert err.count("Traceback") == (how == signal.SIGINT)  # the parent's own


def test_an_executor_left_open_does_not_keep_its_script_from_ending(script):
    process, pids = script("leave")
    out, err = process.communicate(timeout=150)
    assert (out, err, process.returncode) == ("0\n", "", 0)
    await_true(lambda: not any(is_alive(pid) for pid in pids), seconds=20)


def interrupted(process):
    """Press Ctrl-C until the process ends: Python drops one that comes while it runs a destructor, and says so."""
    for _ in range(5):
        os.killpg(process.pid, signal.SIGINT)
        try:
            return process.communicate(timeout=30)[1]
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    raise AssertionError(f"five interrupts did not end it: {process.communicate()[1]}")


def test_an_interrupt_of_the_whole_group_prints_nothing_from_workers(tmp_path):
    """Also while they start: Ctrl-C comes to every process of a terminal."""
    (tmp_path / "script.py").write_text(SCRIPT)
    for pause in (0.35, 0.5, 0.7):
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / "script.py"), str(tmp_path), "wait"],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=interruptible,  # noqa: PLW1509 - the tests start no threads
        )
        time.sleep(pause)
        err = interrupted(process)
        assert err.count("Traceback") - err.count("Exception ignored") <= 1, err  # the parent's own


def test_the_loop_in_a_worker_ends_when_its_parent_hangs_up(monkeypatch):
    """In a thread, where coverage sees it."""
    from multiprocessing import Pipe

    monkeypatch.setattr(worker_loop, "send_output_to", lambda log: None)
    monkeypatch.setattr(worker_loop, "_leave_interrupts_to_the_parent", lambda: None)
    ours, theirs = Pipe()
    thread = threading.Thread(target=worker_loop.serve, args=(theirs, os.getppid(), None))
    thread.start()
    for kind, content in ((b"function", abs), (b"task", -4), (b"function", fails), (b"task", 5)):
        ours.send_bytes(kind)
        ours.send_bytes(worker_loop.packed(content))
    assert worker_loop.result_of(ours.recv_bytes()) == 4
    with pytest.raises(KeyError, match="task 5"):
        worker_loop.result_of(ours.recv_bytes())
    ours.close()
    thread.join(10)
    assert not thread.is_alive()
    theirs.close()


def test_executors_by_name(tmp_path):
    def made(device_type="cpu", logs=None, **keys):
        return make_executor(EngineConfig(**keys), device_type=device_type, logs=logs)

    assert made(kind="inline", workers=3) == InlineExecutor()
    assert made(workers=3, logs=tmp_path) == ProcessExecutor(3, tmp_path)
    assert made(workers=3) != ProcessExecutor(2)
    assert made(workers="auto").workers >= 1
    assert made("cuda", workers="auto").workers == 1
    assert made(kind="ray", workers=3, logs=tmp_path) == RayExecutor(3, logs=tmp_path)
    assert made("cuda", kind="ray", address="auto") == RayExecutor(1, "auto", 1.0)
    assert made("cuda", kind="ray", workers=4, gpus_per_worker=0.25) == RayExecutor(4, None, 0.25)
    with pytest.raises(ConfigError, match="gpus_per_worker is for device cuda; the models are trained on cpu"):
        made(kind="ray", gpus_per_worker=0.5)


def test_ray_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UnsupportedError, match=r"engine.kind ray needs the extra: pip install 'privaudit\[ray\]'"):
        next(RayExecutor(1).map(abs, [1]))
    RayExecutor(1).close()


@needs_ray
def test_more_gpus_than_ray_has_are_refused(ray, monkeypatch):
    with pytest.raises(UnsupportedError, match="Ray found"):
        next(RayExecutor(1, gpus_per_worker=1e6).map(abs, [1]))


@needs_ray
def test_a_ray_that_the_program_started_is_left_running(ray):
    import ray as package

    list(ray.map(abs, [1]))
    guest = RayExecutor(1)
    assert list(guest.map(abs, [-2])) == [2]
    guest.close()
    assert package.is_initialized()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


@needs_ray
def test_rays_messages_stay_off_stdout(ray, capsys):
    list(ray.map(abs, [1]))
    from ray._private import worker

    worker.print_to_stdstream({"lines": ["a remark"], "pid": "raylet", "is_err": False}, ignore_prefix=False)
    out, err = capsys.readouterr()
    assert out == "" and "a remark" in err


def test_a_cluster_that_is_not_there_is_named_at_once():
    pytest.importorskip("ray", reason="the extra privaudit[ray] is not installed")
    script = (
        "from privaudit.training.ray_executor import RayExecutor\nlist(RayExecutor(1, '127.0.0.1:1').map(abs, [1]))"
    )
    start = time.monotonic()  # in a process of its own: Ray may be running in this one
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 1 and time.monotonic() - start < 60
    words = r"Ray cannot be used at engine\.address 127\.0\.0\.1:1: .*Give host:port of a running cluster"
    assert re.search(f"UnsupportedError: {words}", result.stderr.strip().splitlines()[-1])


def test_one_map_at_a_time():
    executor = ProcessExecutor(1)
    try:
        first = executor.map(abs, [-1, -2])
        assert next(first) == 1
        with pytest.raises(TrainingError, match="one map at a time"):
            next(executor.map(abs, [-3]))
        assert list(first) == [2]
        assert list(executor.map(abs, [-3])) == [3]
    finally:
        executor.close()
