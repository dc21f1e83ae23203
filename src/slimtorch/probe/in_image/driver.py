"""Runs inside the image in place of its command: starts the service, asks it, measures it, stops it.

Everything happens within one container, so no port is published and no network but 127.0.0.1 is needed, and it works
the same in every engine. Reads one JSON object (written by ``slimtorch.probe.session``) from standard input and prints
one. It judges nothing: it only says what happened.
"""
# ruff: noqa: PTH103, PTH108, PTH112, PTH118, PTH123, PTH208
# Runs once in somebody else's image, on paths that come as strings.

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

Job = dict[str, Any]
Report = dict[str, Any]

LOG_LINES = 200
LINE_BYTES = 2000
ANSWER_LIMIT = 16 << 20
KIB = 1024


def main() -> None:
    """Prints what happened."""
    job = json.load(sys.stdin)
    report: Report = {"identity": identity(), "written": written(job), "unwritable": unwritable(job)}
    if port_answers(job["port"]):
        report["port_taken"] = True
    else:
        session = Session(job, report)
        # A service that sends a byte now and then keeps every single time-out from passing.
        watch = threading.Timer(job["seconds"], session.give_up)
        watch.daemon = True
        watch.start()
        session.run()
        watch.cancel()
        session.ending.acquire()
        watch.join()
    report["imports"] = imports(job)
    json.dump(report, sys.stdout)
    sys.stdout.flush()
    # At once: a thread that still reads the log would need libgcc_s to end, which an image may do without.
    os._exit(0)


def identity() -> Report:
    """Who this process is, from proc(5)."""
    wanted = {"Uid", "Gid", "CapEff", "CapPrm", "NoNewPrivs"}
    found: Report = {"uid": os.getuid(), "gid": os.getgid()}
    with contextlib.suppress(OSError), open("/proc/self/status") as stream:
        for line in stream:
            name, _, value = line.partition(":")
            if name in wanted:
                found[name] = value.split()[0]
    return found


def written(job: Job) -> list[str]:
    """The folders of a root that should be read-only in which a file could be made."""
    return [path for path in job["sealed"] if os.path.isdir(path) and not refusal(path)]


def unwritable(job: Job) -> list[list[str]]:
    """The folders that must be writable and are not, each with the reason."""
    found = []
    for path in job["writable"]:
        try:
            os.makedirs(path, exist_ok=True)
            why = refusal(path)
        except OSError as error:
            why = str(error.strerror)
        if why:
            found.append([path, why])
    return found


def refusal(path: str) -> str:
    """Why no file can be made in the folder; '' when it can."""
    name = os.path.join(path, f".slimtorch-{os.getpid()}")
    try:
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        os.unlink(name)
    except OSError as error:
        return str(error.strerror)
    return ""


def port_answers(port: int) -> bool:
    """Whether something listens on the port."""
    if not port:
        return False
    with socket.socket() as connection:
        connection.settimeout(1)
        return connection.connect_ex(("127.0.0.1", port)) == 0


class Session:
    """One life of the service."""

    def __init__(self, job: Job, report: Report) -> None:
        self.job, self.report = job, report
        self.ending = threading.Lock()
        self.log: list[str] = []
        self.peak = 0
        self.said = ""

    def run(self) -> None:
        """Puts into the report what happens from start to stop."""
        report = self.report
        started = time.monotonic()
        try:
            self.process = subprocess.Popen(
                self.job["argv"],
                cwd=self.job["workdir"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            report |= {"load_seconds": None, "exit": 127, "log": [f"{self.job['argv'][0]}: {error.strerror}"]}
            return
        reader = threading.Thread(target=self.read_log, daemon=True)
        reader.start()
        report["load_seconds"] = self.wait_until_well(started)
        if report["load_seconds"] is not None:
            self.ask_all()
            report["resident"] = self.memory()
            report["health"] = self.health() if self.job["health"] else None
        report["exit"] = self.process.poll()
        report["stop_seconds"], report["stop_status"] = self.stop()
        reader.join(2)
        if report["load_seconds"] is not None:
            report["health_after_stop"] = self.health() if self.job["health"] else None
        report |= {"peak": self.peak, "log": self.log[-LOG_LINES:], "said": self.said}

    def give_up(self) -> None:
        """Reports what there is and ends everything; for a service that would let nobody come to an end."""
        if not self.ending.acquire(blocking=False):
            return
        late = {"overdue": f"the run was stopped after {self.job['seconds']:g} s"}
        with contextlib.suppress(OSError, AttributeError):
            os.killpg(self.process.pid, signal.SIGKILL)
        known = {"load_seconds": None, "stop_seconds": 0, **self.report}
        found = known | late | {"peak": self.peak, "log": self.log[-LOG_LINES:], "said": self.said}
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
        os._exit(0)

    def ask_all(self) -> None:
        """Puts the answers into the report, as they come; says which were not asked for want of time."""
        answers = self.report["answers"] = []
        began, questions = time.monotonic(), self.job["questions"]
        for body in questions:
            left = self.job["answering"] - (time.monotonic() - began)
            if left <= 0:
                late = f"{len(answers)} of {len(questions)} questions took {self.job['answering']:g} s"
                self.report["overdue"] = f"{late}; the others were not asked"
                return
            allowed = min(left, self.job["answer_timeout"])
            answers.append(self.ask(body, allowed))
            if answers[-1][0] == 0 and answers[-1][1].startswith("TimeoutError"):
                self.report["overdue"] = f"question {len(answers)} got no answer within {allowed:.1f} s"

    def read_log(self) -> None:
        """Keeps the last lines that the service prints."""
        for line in self.process.stdout or ():
            self.log.append(line[:LINE_BYTES].decode(errors="replace").rstrip())
            del self.log[:-LOG_LINES]

    def wait_until_well(self, started: float) -> float | None:
        """Seconds until the health check is good for the first time; None if it never is."""
        pause = 0.02
        while time.monotonic() - started < self.job["patience"]:
            if self.process.poll() is not None:
                return None
            if port_answers(self.job["port"]) or not self.job["port"]:
                if self.is_well():
                    return time.monotonic() - started
                pause = min(pause * 1.5, 0.25)
            self.memory()
            time.sleep(pause)
        return None

    def is_well(self) -> bool:
        """Whether the health check is good; what it said is kept."""
        if not self.job["health"]:
            return True
        status, self.said = self.health()
        return status == 0

    def health(self) -> tuple[int, str]:
        """Exit status and output of the image's own health check."""
        try:
            done = subprocess.run(
                self.job["health"],
                cwd=self.job["workdir"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=self.job["health_timeout"],
                check=False,
            )
        except OSError as error:
            return (127, f"{self.job['health'][0]}: {error.strerror}")
        except subprocess.TimeoutExpired:
            return (124, f"no answer within {self.job['health_timeout']:g} s")
        return (done.returncode, done.stdout[:LINE_BYTES].decode(errors="replace").strip())

    def ask(self, body: object, timeout: float) -> tuple[int, str]:
        """The service's answer to one question: status and text, or the reason why there is none."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.job["port"], timeout=timeout)
            with contextlib.closing(connection):
                headers = {"Content-Type": "application/json", "Connection": "close"}
                connection.request("POST", self.job["question_path"], json.dumps(body), headers)
                answer = connection.getresponse()
                return (answer.status, answer.read(ANSWER_LIMIT).decode(errors="replace"))
        except (OSError, http.client.HTTPException) as error:
            return (0, f"{type(error).__name__}: {error}")

    def stop(self) -> tuple[float | None, int]:
        """Seconds from the stop signal to the end, None if it had to be killed; and the exit status."""
        began = time.monotonic()
        self.process.send_signal(self.job["stop_signal"])
        try:
            self.process.wait(self.job["stop_patience"])
            seconds = time.monotonic() - began
        except subprocess.TimeoutExpired:
            seconds = None
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return seconds, self.process.wait()

    def memory(self) -> int:
        """Resident bytes of the service now, shared pages counted once; the peak is kept beside."""
        resident = peak = 0
        for pid in descendants(self.process.pid):
            status = fields(f"/proc/{pid}/status")
            rollup = fields(f"/proc/{pid}/smaps_rollup")
            resident += rollup.get("Pss", status.get("VmRSS", 0))
            peak += status.get("VmHWM", 0)
        self.peak = max(self.peak, peak)
        return resident


def descendants(first: int) -> set[int]:
    """The process and all processes that it started."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat") as stream:
                # The name may hold anything, also blanks and brackets: proc(5).
                parents[int(name)] = int(stream.read().rpartition(")")[2].split()[1])
    found, added = {first}, True
    while added:
        new = {pid for pid, parent in parents.items() if parent in found} - found
        found |= new
        added = bool(new)
    return found


def fields(path: str) -> dict[str, int]:
    """The sizes in a file of proc(5), in bytes."""
    found = {}
    with contextlib.suppress(OSError), open(path) as stream:
        for line in stream:
            words = line.split()
            if len(words) == 3 and words[2] == "kB":
                found[words[0].rstrip(":")] = int(words[1]) * KIB
    return found


IMPORT = """
import importlib, json, sys, time
found = []
for name in sys.argv[1:]:
    began = time.monotonic()
    try:
        importlib.import_module(name)
        why = ""
    except BaseException as error:
        why = f"{type(error).__name__}: {error}"
    found.append([name, time.monotonic() - began, why])
sys.__stdout__.write("\\n" + json.dumps(found))
"""


def imports(job: Job) -> Sequence[Any]:
    """Each module with the seconds that importing it took and the reason why it failed, or ''."""
    if not job["imports"]:
        return []
    argv = [*job["python"], "-c", IMPORT, *job["imports"]]
    try:
        done = subprocess.run(
            argv, cwd=job["workdir"], stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False
        )
        found: list[Any] = json.loads(done.stdout.decode(errors="replace").splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        found = [[name, 0, f"the interpreter did not survive it ({error})"] for name in job["imports"]]
    return found


if __name__ == "__main__":
    main()
