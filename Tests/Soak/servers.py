"""The private broker and the gateway under test, and what /proc says about them."""

import ctypes
import json
import http.client
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import wire

ROOT = Path(__file__).resolve().parent.parent.parent
MIB = 1 << 20

# A room with a full replay: content that JSON escapes makes each message five times as long on the wire.
FULL_ROOM, FULL_ROOM_MESSAGES = "chat/full", 1000
# Users whom a flapping sensor is about.
VICTIMS = [f"victim-{number}" for number in range(1, 6)]
SETTINGS = {
    # Small enough to be reached by attackers within seconds.
    "history.rooms": 1000,
    "history.notifications": 100,
    "limits.devices": 7500,
    "limits.series": 50_000,
}
RULES = f"""\
- name: flapping
  metric: flap
  devices: flapper-*
  above: 10
  notify: {{users: [{", ".join(VICTIMS)}]}}
"""


class Unavailable(Exception):
    """Something that the run needs is missing or did not start."""


def die_with_parent():
    """Lets the kernel kill this process when its parent ends, however that ends. Linux only, like /proc."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A child process with a log file."""

    def __init__(self, arguments, log, environment=None, descriptors=None):
        def prepare():
            die_with_parent()
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        self.log = log
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                [str(argument) for argument in arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, **(environment or {})}, preexec_fn=prepare, start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    def end(self):
        """How it ended by itself, or None while it runs."""
        status = self.process.poll()
        if status is None:
            return None
        return f"ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

    def last_lines(self, count=3):
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        # The backtrace that Swift prints says less than the line above it.
        fatal = [line for line in lines if "Fatal error" in line]
        return " / ".join((fatal or lines)[-count:])[:600]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()


class Broker(Server):
    """A mosquitto that keeps nothing and drops nothing, on a free port unless one is named."""

    def __init__(self, folder, port=None):
        program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if not program:
            raise Unavailable("mosquitto is not installed: make setup")
        self.port = port or free_port()
        configuration = folder / "mosquitto.conf"
        configuration.write_text("\n".join([
            f"listener {self.port} 127.0.0.1", "allow_anonymous true", "persistence false", "max_queued_messages 0",
            "max_inflight_messages 1000", "set_tcp_nodelay true", "log_type error", "log_type warning",
            # As root, mosquitto would become a user who may not read our folder.
            "user root" if os.geteuid() == 0 else ""]))
        super().__init__([program, "-c", configuration], folder / "mosquitto.log")
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                if self.end() or time.monotonic() > deadline:
                    raise Unavailable(f"mosquitto did not start: {self.last_lines()}") from None
                time.sleep(0.05)


class Gateway(Server):
    """`windsock serve` on free ports, with a data directory below `folder`."""

    def __init__(self, binary, folder, broker, name="gateway", descriptors=None, rooms=False, settings=None):
        self.port = free_port()
        data, alerts = folder / name, folder / f"{name}-alerts"
        alerts.mkdir()
        (alerts / "soak.yaml").write_text(RULES)
        environment = {"WINDSOCK_JWT_SECRET": wire.SECRET}
        if descriptors:
            # Printing one needs descriptors, and says nothing without.
            environment["SWIFT_BACKTRACE"] = "enable=no"
        if rooms:
            self.fill_room(binary, folder, data, environment)
        settings = {**SETTINGS, "alerts_dir": alerts, **(settings or {})}
        super().__init__(
            [binary, "serve", "--listen", f"127.0.0.1:{self.port}", "--mqtt-url", f"mqtt://127.0.0.1:{broker.port}",
             "--data-dir", data, "--dashboards-dir", ROOT / "dashboards", "--log-level", "warning",
             *(part for key, value in settings.items() for part in ("--set", f"{key}={value}"))],
            folder / f"{name}.log", environment, descriptors)
        deadline = time.monotonic() + 60
        while True:
            try:
                if self.get("/readyz")[0] == 200:
                    return
            except OSError:
                pass
            if self.end() or time.monotonic() > deadline:
                self.stop()
                raise Unavailable(f"the gateway did not become ready: {self.end()}: {self.last_lines()}")
            time.sleep(0.1)

    @staticmethod
    def fill_room(binary, folder, data, environment):
        """Imports a room that is as full as a room can be: no rate limit is in the way."""
        now = time.time_ns()
        content = "\\u0001" * 8192
        lines = [{"windsock_export": 1}, {"table": "room", "name": FULL_ROOM, "last_offset": str(FULL_ROOM_MESSAGES)}]
        for offset in range(1, FULL_ROOM_MESSAGES + 1):
            payload = (f'{{"room_id":"{FULL_ROOM}","user_id":"mallory","content":"{content}",'
                       f'"message_id":"m{offset}"}}')
            lines.append({"table": "message", "room": FULL_ROOM, "offset": str(offset), "message_id": f"m{offset}",
                          "type": "chat_message", "payload": payload, "created_at": str(now)})
        lines.append({"windsock_export_end": 1, "values": 0, "rows": len(lines) - 1})
        backup = folder / "rooms.ndjson"
        backup.write_text("".join(json.dumps(line) + "\n" for line in lines))
        done = subprocess.run(
            [binary, "import", "--data-dir", data, backup], env={**os.environ, **environment}, timeout=120,
            stdin=subprocess.DEVNULL, capture_output=True, text=True)
        backup.unlink()
        if done.returncode != 0:
            raise Unavailable(f"the full room was not imported: {done.stderr[-500:]}")

    def call(self, method, path, bearer=None, body=None, timeout=20):
        """Status and body of one request on a connection of its own, from an honest address."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=timeout, source_address=("127.0.0.20", 0))
        try:
            headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, response.read()
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path}: {error!r}") from None
        finally:
            connection.close()

    def get(self, path, bearer=None, timeout=20):
        return self.call("GET", path, bearer, timeout=timeout)

    # What the kernel says

    def usage(self):
        """Resident bytes, threads, descriptors and CPU seconds; None when the process is gone."""
        try:
            status = dict(line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines())
            times = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
            return Usage(
                resident=int(status["VmRSS"].split()[0]) << 10, peak=int(status["VmHWM"].split()[0]) << 10,
                threads=int(status["Threads"]), descriptors=len(os.listdir(f"/proc/{self.pid}/fd")),
                cpu=(int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK"))
        except (OSError, KeyError, IndexError):
            return None

    def reset_peak(self):
        """Sets the kernel's high-water mark to what is resident now."""
        try:
            Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        except OSError:
            pass


class Usage:
    def __init__(self, resident, peak, threads, descriptors, cpu):
        self.resident, self.peak, self.threads = resident, peak, threads
        self.descriptors, self.cpu = descriptors, cpu

    def __str__(self):
        return f"{self.resident / MIB:.0f} MiB, {self.descriptors} descriptors, {self.threads} threads"


class Folder:
    """A temporary folder that goes with the run."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="windsock-soak-"))

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
        return True
    except OSError:
        return False
