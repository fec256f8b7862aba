"""Processes of a benchmark run: started pinned to one core, accounted, and always ended by pid."""

import ctypes
import os
import resource
import select
import signal
import socket
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class BenchError(Exception):
    """Something a person must know; printed without a traceback."""


def raise_descriptor_limit():
    """Raises the soft limit on open files to the hard one (root may raise both); returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, 200_000), max(hard, 200_000)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def free_ports(count):
    """Loopback ports nobody listens on now, neither with TCP nor with UDP, all different."""
    sockets, ports = [], []
    try:
        while len(ports) < count:
            sockets += [socket.socket(), socket.socket(type=socket.SOCK_DGRAM)]
            stream, datagrams = sockets[-2:]
            stream.bind(("127.0.0.1", 0))
            try:
                datagrams.bind(stream.getsockname())
            except OSError:
                continue
            ports.append(stream.getsockname()[1])
        return ports
    finally:
        for sock in sockets:
            sock.close()


def connects(port):
    """Whether somebody listens on this loopback port."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def established_to(ports):
    """How many TCP connections of this machine go to these ports, as those see it who opened them."""
    count = 0
    for line in _read("/proc/net/tcp").splitlines()[1:]:
        _, _, remote, state = line.split()[:4]
        count += state == "01" and int(remote.rpartition(":")[2], 16) in ports
    return count


class Process:
    """A child in a process group of its own, on one core; as a context manager it is ended on exit.

    Its standard error (and output, unless it is read here) goes to `log_path`. With `in_background`
    it gets only the time that others leave of its core.
    """

    def __init__(self, command, core, log_path, read_output=False, in_background=False):
        self.command = command
        self.log_path = log_path
        with open(log_path, "ab") as log:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if read_output else log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: _prepare_child(core, in_background),
            )
        self.pid = self._child.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def running(self):
        return self._child.poll() is None

    def read_line(self, timeout=5.0):
        """The next line of its output, without the line end."""
        ready, _, _ = select.select([self._child.stdout], [], [], timeout)
        line = self._child.stdout.readline().decode() if ready else ""
        if not line:
            raise BenchError(f"{self.command[0]} printed nothing within {timeout} s{self.log_tail()}")
        return line.rstrip("\n")

    def finish(self, timeout):
        """Waits for its end and returns its whole output; BenchError when late or failed."""
        try:
            output, _ = self._child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise BenchError(f"{self.command[0]} did not end within {timeout:.0f} s") from None
        if self._child.returncode != 0:
            raise BenchError(f"{self.command[0]} failed ({self._child.returncode}){self.log_tail()}")
        return output.decode() if output else ""

    def stop(self):
        """Ends the whole process group: politely, then within three seconds by force."""
        if self._signal(signal.SIGTERM):
            try:
                self._child.wait(timeout=3)
            except subprocess.TimeoutExpired:
                pass
        self._signal(signal.SIGKILL)
        self._child.wait()
        if self._child.stdout:
            self._child.stdout.close()

    def log_tail(self, lines=8):
        with open(self.log_path, errors="replace") as log:
            tail = log.read().splitlines()[-lines:]
        return "".join("\n    " + line for line in tail)

    def _signal(self, number):
        # A reaped leader's number could belong to someone else; its group is gone or still ours.
        try:
            os.killpg(self.pid, number)
            return True
        except (ProcessLookupError, PermissionError):
            return False

    # What the kernel accounts to the process and its children, all threads.

    def cpu_nanoseconds(self):
        return sum(_thread_nanoseconds(path) for pid in self.tree() for path in _threads(pid))

    def cpu_ticks(self):
        """(user, system) clock ticks. Coarse: only their proportion is used."""
        user = system = 0
        for pid in self.tree():
            fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            if len(fields) > 12:
                user, system = user + int(fields[11]), system + int(fields[12])
        return user, system

    def resident_bytes(self):
        """Proportional set size: pages shared between its processes count once."""
        kibibytes = 0
        for pid in self.tree():
            for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
                if line.startswith("Pss:"):
                    kibibytes += int(line.split()[1])
        return kibibytes * 1024

    def tree(self):
        pids = [self.pid]
        for pid in pids:  # grows while it is walked
            for path in _threads(pid):
                pids += [int(child) for child in _read(f"{path}/children").split()]
        return pids


def _prepare_child(core, in_background):
    if core is not None:
        os.sched_setaffinity(0, {core})
    if in_background:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    # If the bench itself is killed, its children end too.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _threads(pid):
    try:
        return [f"/proc/{pid}/task/{thread}" for thread in os.listdir(f"/proc/{pid}/task")]
    except FileNotFoundError:
        return []


def _thread_nanoseconds(path):
    fields = _read(f"{path}/schedstat").split()
    return int(fields[0]) if fields else 0


def _read(path):
    try:
        with open(path) as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def settled_resident_bytes(process):
    """What the process keeps once it no longer changes (at most 5 s)."""
    deadline = time.monotonic() + 5
    last = process.resident_bytes()
    while time.monotonic() < deadline:
        time.sleep(0.5)
        now = process.resident_bytes()
        if now == last:
            break
        last = now
    return last


def wait_until(condition, timeout, what):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(f"{what} within {timeout:.0f} s")
        time.sleep(0.02)
