#!/usr/bin/env python3
"""Asks the HTTP interface everything that its OpenAPI document allows, and what it forbids, by Schemathesis.

    python3 Tests/Contract --binary .build/debug/windsock [--seed 1] [--examples 40] [-- OPTIONS OF SCHEMATHESIS]

Schemathesis comes from PyPI into a virtual environment below .build. Without PyPI nothing is checked, and a line says so.

The exit status is 0 when all answers were as documented or nothing could be checked, 1 when some were not.
"""

import argparse
import socket
import subprocess
import sys
import time
import venv
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests/Soak"))

import servers  # noqa: E402
import wire  # noqa: E402

VERSION = "4.32.5"
ENVIRONMENT = ROOT / ".build" / f"schemathesis-{VERSION}"
# The whole run is done within a minute; one that hangs is cut off.
TIMEOUT = 300


def program():
    """The path of Schemathesis, installed when it is not there; None without PyPI."""
    path = ENVIRONMENT / "bin/st"
    if not path.exists():
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        done = subprocess.run(
            [ENVIRONMENT / "bin/pip", "install", "--quiet", f"schemathesis=={VERSION}"], stdin=subprocess.DEVNULL,
            capture_output=True, text=True)
        if done.returncode != 0:
            print(done.stderr[-300:], file=sys.stderr)
            return None
    return path


def fill(gateway, broker, bearer):
    """Readings, an alert, a payload that cannot be read, a message and a notification, so that there is something to find."""
    with socket.create_connection(("127.0.0.1", broker.port), 10) as device:
        device.sendall(wire.mqtt_connect("device"))
        device.recv(4)
        for payload in ('{"flap":5}', '{"flap":11}', "nonsense"):
            device.sendall(wire.mqtt_publish("sensors/flapper-1", payload))
        device.sendall(b"\xe0\0")
    for path, body in (("/api/rooms/messages", {"room_id": "chat/a", "content": "hello"}),
                       ("/api/notifications", {"user_id": "ann", "title": "hello"})):
        status, answer = gateway.call("POST", path, bearer, body)
        if status != 201:
            raise servers.Unavailable(f"POST {path} was answered {status}: {answer[:200]}")
    deadline = time.monotonic() + 30
    while b'"alert_id"' not in gateway.get("/api/alerts", bearer)[1]:
        if time.monotonic() > deadline:
            raise servers.Unavailable("the alert did not come within half a minute")
        time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(prog="contract", description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=ROOT / ".build/debug/windsock", help="the gateway")
    parser.add_argument("--seed", type=int, default=1, help="of the generated requests")
    parser.add_argument("--examples", type=int, default=40, help="requests of an operation, at most")
    parser.add_argument("more", nargs="*", help="options of Schemathesis, after --")
    options = parser.parse_args()
    schemathesis = program()
    if not schemathesis:
        print("contract: skipped: Schemathesis cannot be installed from PyPI")
        return 0
    folder = servers.Folder()
    broker = gateway = None
    try:
        broker = servers.Broker(folder.path)
        gateway = servers.Gateway(
            options.binary.resolve(), folder.path, broker, settings={"limits.user_requests_per_second": 0})
        bearer = wire.token("ann", join=["#"], publish=["chat/#"], notify=True, share=True)
        fill(gateway, broker, bearer)
        address = f"http://127.0.0.1:{gateway.port}"
        status = subprocess.run(
            [schemathesis, "--config-file", ROOT / "Tests/Contract/schemathesis.toml", "run", f"{address}/openapi.json", "--url", address, "--header",
             f"Authorization: Bearer {bearer}", "--seed", str(options.seed), "--generation-deterministic",
             "--max-examples", str(options.examples), "--continue-on-failure",
             # Not HTTP but for its handshake, which Schemathesis cannot speak.
             "--exclude-path", "/ws", "--no-shrink", "--no-color", *options.more],
            stdin=subprocess.DEVNULL, timeout=TIMEOUT, cwd=folder.path).returncode
        if gateway.end():
            print(f"contract: the gateway {gateway.end()}: {gateway.last_lines()}")
            status = 1
        print(f"contract: {'FAILED' if status else 'passed'} (seed {options.seed})")
        return 1 if status else 0
    finally:
        for server in (gateway, broker):
            if server:
                server.stop()
        folder.remove()


if __name__ == "__main__":
    sys.exit(main())
