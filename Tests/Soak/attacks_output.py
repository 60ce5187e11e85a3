"""Attacks on what the gateway holds for those who do not read: control frames, replays, answers, snapshots."""

import json
import urllib.parse

import wire
from attack import Attack, Flood, json_of, pace, stream
from servers import FULL_ROOM


class Pings(Attack):
    """8 clients that send pings and read nothing: pongs must count against the limit of what waits for a client."""

    family = "output"

    def run(self):
        # Empty pings cost most bookkeeping for a byte, long ones most bytes.
        pings = [wire.frame(wire.PING) * 10_000, wire.frame(wire.PING, b"p" * 125) * 500]
        # 64 KiB a turn: up to 13 MB/s of all together.
        stream(lambda number: self.websocket(number, receive=4096), pings, 8, per_second=200, reads=False)


class ErrorAnswers(Attack):
    """8 clients that send nonsense and read nothing: error answers must count as well."""

    family = "output"

    def run(self):
        nonsense = [b"{}", b"[]", b"null", b"{" * 5000, b'{"type":"' + b"x" * 5000 + b'","id":"1"}',
                    b'{"type":"join_room","id":"' + b"i" * 128 + b'","payload":{"room_id":"' + b"r/" * 4000 + b'"}}',
                    b'{"type":"send_to_room","payload":{"room_id":"sensors/x","content":"y"}}',
                    b'{"type":"join_room","payload":{"room_id":"$SYS/#"}}',
                    b'{"type":"refresh_token","payload":{"token":"' + b"t" * 8000 + b'"}}', b"\xc3\xa9" * 30_000]
        floods = [b"".join(wire.frame(wire.TEXT, text) for text in nonsense)]
        stream(lambda number: self.websocket(number, receive=4096), floods, 8, per_second=200, reads=False)


class Replays(Attack):
    """30 clients that join a full room with `since` 0 and read nothing: a replay is not held whole for each."""

    family = "output"

    def prepare(self):
        _, body = self.target.gateway.get(f"/api/rooms/history?room_id={FULL_ROOM}&limit=1", self.token())
        self.since = {"offset": 0, "epoch": json_of(body).get("epoch", "")}
        if not self.since["epoch"]:
            raise OSError(f"{FULL_ROOM} has no epoch: {body[:100]!r}")

    def run(self):
        def open_one(number):
            peer = self.websocket(number, receive=4096)
            peer.sendall(wire.command("join_room", {"room_id": FULL_ROOM, "since": self.since}, "1"))
            return peer

        def act(peer, number):
            peer.sendall(wire.frame(wire.PONG))

        Flood(30, open_one, act, opens_per_second=15).run(per_second=60)


class UnreadAnswers(Attack):
    """30 large HTTP answers that nobody reads: pages are bounded and streamed, and given up in time."""

    family = "output"

    def run(self):
        paths = [f"/api/rooms/history?room_id={FULL_ROOM}&limit=500"] * 3 + ["/api/devices", "/metrics", "/api/rooms"]

        def open_one(number):
            peer = self.connect(number, receive=4096)
            peer.sendall(wire.request("GET", paths[number % len(paths)], self.token(number)))
            return peer

        def act(peer, number):
            peer.setblocking(False)
            peer.send(b"")

        Flood(30, open_one, act, opens_per_second=10).run(per_second=60)


class UnreadCharts(Attack):
    """24 charts of a device with long names, as NDJSON, that nobody reads: a series is not written as a whole."""

    family = "output"
    DEVICE, METRICS, READINGS = '"' * 100, 8, 2000

    def prepare(self):
        names = ['"' * 100 + str(number) for number in range(self.METRICS)]
        payload = json.dumps(dict.fromkeys(names, 20.5))
        with self.device() as device:
            for turn in pace(self.target.ingest_rate(1000)):
                if turn == self.READINGS:
                    break
                device.sendall(wire.mqtt_publish(f"sensors/{self.DEVICE}", payload))
            device.sendall(b"\xe0\0")

    def run(self):
        values = "/api/readings?" + urllib.parse.urlencode({"device": self.DEVICE})
        chart = values + "&points=10000"
        asked = [(chart, "application/x-ndjson"), (chart, "text/csv"), (chart, "application/json"),
                 (values, "application/x-ndjson")]

        def open_one(number):
            peer = self.connect(number, receive=4096)
            path, kind = asked[number % len(asked)]
            peer.sendall(wire.request("GET", path, self.token(number), headers=[f"Accept: {kind}"]))
            return peer

        def act(peer, number):
            peer.setblocking(False)
            peer.send(b"")

        Flood(24, open_one, act, opens_per_second=10).run(per_second=60)


class Snapshots(Attack):
    """20 clients that join everything and read nothing: a snapshot of all devices goes out in portions."""

    family = "output"

    def run(self):
        def open_one(number):
            peer = self.websocket(number, receive=4096)
            peer.sendall(wire.command("join_room", {"room_id": "sensors/#"}, "1"))
            return peer

        def act(peer, number):
            peer.sendall(wire.frame(wire.PONG))

        Flood(20, open_one, act, opens_per_second=10).run(per_second=40)
