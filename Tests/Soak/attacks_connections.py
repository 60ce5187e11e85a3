"""Attacks on connections: resets, half-open sockets, churn, broken frames and requests, used-up descriptors."""

import time

import servers
import wire
from attack import Attack, Flood, Stream, discard, hold, pace, reset


class Resets(Attack):
    """150 clients that join, send a command and reset the connection: a flush that reads and so re-enters the tick."""

    family = "connections"

    def run(self):
        join = wire.command("join_room", {"room_id": "sensors/resets"}, "1")
        commands = b"".join(wire.command("clock_sync", {"t0": number}, str(number)) for number in range(4))
        device = self.device()

        def open_one(number):
            peer = self.websocket(number)
            peer.sendall(join)
            return peer

        def act(peer, number):
            # A reading for everybody: the tick that delivers it is what the reset must meet.
            device.sendall(wire.mqtt_publish("sensors/resets", f'{{"t":{number}}}'))
            peer.sendall(commands)
            reset(peer)
            flood.peers[number] = None
            flood.peers[number] = open_one(number)

        flood = Flood(150, open_one, act, opens_per_second=300)
        flood.run(per_second=400)


class HalfOpen(Attack):
    """300 sockets that send nothing, or half a request, and stay: they must not keep others from being served."""

    family = "connections"

    def run(self):
        beginnings = [b"", b"GET /ws HTTP/1.1\r\nHost: soak\r\nUpgr", b"\x16\x03\x01\x02\x00\x01\x00", b"POST "]

        def open_one(number):
            peer = self.connect(number)
            peer.sendall(beginnings[number % len(beginnings)])
            return peer

        Flood(300, open_one, lambda peer, number: discard(peer)).run(per_second=300)


class Churn(Attack):
    """Clients that come and go, 150 a second: what is made for a client must go with it."""

    family = "connections"

    def run(self):
        for number in pace(150):
            try:
                if number % 3 == 0:
                    self.connect(number % 200).close()
                    continue
                peer = self.websocket(number % 200, user=number % 20)
                peer.sendall(wire.command("join_room", {"room_id": "chat/churn"}, "1"))
                if number % 3 == 1:
                    peer.sendall(wire.frame(wire.CLOSE, b"\x03\xe8"))
                peer.close()
            except OSError:
                pass


class InvalidFrames(Attack):
    """Frames that break RFC 6455, whole and in pieces: each must end its own connection and nothing else."""

    family = "connections"

    def run(self):
        frames = [
            wire.frame(wire.TEXT, b"{}", masked=False),
            wire.frame(3, b"x"), wire.frame(11, b"x"),
            wire.frame(wire.TEXT, b"{}", reserved=4),
            wire.frame(wire.TEXT, b"", length=1 << 62),
            wire.frame(wire.TEXT, b"x" * 1000, length=65_537),
            wire.frame(wire.PING, b"x" * 126),
            wire.frame(wire.PING, b"x", fin=False),
            wire.frame(0, b"continues nothing"),
            wire.frame(wire.TEXT, b"{", fin=False) + wire.frame(wire.TEXT, b"}"),
            wire.frame(wire.TEXT, b"\xff\xfe"),
            wire.frame(wire.TEXT, b"\xf4\x90", fin=False),
            wire.frame(wire.CLOSE, b"\x03"), wire.frame(wire.CLOSE, b"\x03\xed"), wire.frame(wire.CLOSE, b"\x00\x00"),
            wire.frame(wire.BINARY, b"x"),
            wire.frame(wire.TEXT, b"") * 500,
            wire.frame(wire.TEXT, b"", fin=False) + wire.frame(0, b"", fin=False) * 500,
        ]
        for number in pace(80):
            try:
                peer = self.websocket(number % 200)
                data = frames[number % len(frames)]
                if number % 2:
                    for position in range(min(len(data), 12)):
                        peer.sendall(data[position:position + 1])
                peer.sendall(data)
                # Some stay to see the close frame, some do not.
                if number % 3:
                    peer.settimeout(0.5)
                    peer.recv(1 << 12)
                peer.close()
            except OSError:
                pass


class GarbageRequests(Attack):
    """Requests that are none: random bytes, endless heads, contradicting lengths, pipelines of thousands."""

    family = "connections"

    def run(self):
        bearer = self.token()
        requests = [
            self.random.randbytes(4096),
            b"GET / HTTP/1.1\r\n" + b"X-Filler: " + b"x" * 100_000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000,
            b"POST /api/tickets HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\n",
            b"POST /api/tickets HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            b"POST /api/tickets HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
            b"POST /api/tickets HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
            b"GET /" + b"a/" * 30_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /%00%ff/../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n" * 50,
            wire.request("GET", "/livez") * 2000,
            wire.request("GET", "/api/readings?device=%ff&metric=" + "&metric=a" * 400, bearer),
            wire.request("GET", "/api/rooms/history?room_id=chat/x&limit=999999999999&before=-1", bearer),
            wire.request("POST", "/api/notifications", bearer, b"[" * 60_000),
            wire.request("PRI", "*") + b"SM\r\n\r\n",
        ]
        for number in pace(60):
            try:
                peer = self.connect(number % 200)
                peer.settimeout(1)
                peer.sendall(requests[number % len(requests)])
                if number % 2:
                    peer.recv(1 << 16)
                peer.close()
            except OSError:
                pass


class SlowReaders(Attack):
    """20 clients that read a few bytes a second of everything there is: only their own queues may fill."""

    family = "connections"

    def run(self):
        def open_one(number):
            peer = self.websocket(number, receive=4096)
            peer.sendall(wire.command("join_room", {"room_id": "sensors/#"}, "1"))
            peer.sendall(wire.command("join_room", {"room_id": "chat/#"}, "2"))
            peer.setblocking(False)
            return peer

        Flood(20, open_one, lambda peer, number: peer.recv(64)).run(per_second=100)


class SlowPosts(Attack):
    """240 anonymous requests, a body byte a second, at a gateway with 256 descriptors: others must be served."""

    family = "connections"

    def prepare(self):
        self.small = self.broker = None
        self.folder = self.target.folder / f"small-{time.monotonic_ns()}"
        self.folder.mkdir()
        self.broker = servers.Broker(self.folder)
        self.small = servers.Gateway(self.target.binary, self.folder, self.broker, descriptors=256)

    def run(self):
        def open_one(number):
            peer = self.connect(0, port=self.small.port)
            peer.sendall(b"POST /api/tickets HTTP/1.1\r\nHost: soak\r\nContent-Length: 60000\r\n\r\n")
            return peer

        flood = Flood(240, open_one, lambda peer, number: peer.send(b"x"), opens_per_second=100)
        flood.run(per_second=200)

    def verify(self):
        """While the attack still runs, others are served, and a broker that was restarted is found again."""
        try:
            for _ in range(6):
                status, body = self.small.get("/readyz", timeout=5)
                if status != 200:
                    return [f"another's request was answered {status}: {body[:200]!r}"]
            self.broker.stop()
            self.broker = servers.Broker(self.folder, self.broker.port)
            deadline = time.monotonic() + 20
            while (answer := self.small.get("/readyz", timeout=5))[0] != 200:
                if time.monotonic() > deadline:
                    return [f"20 s after the broker's restart: {answer[1][:300].decode(errors='replace')}"]
                time.sleep(0.2)
        except OSError as error:
            end = self.small.end()
            return [f"the gateway {end}: {self.small.last_lines()}" if end else
                    f"another's request was not served: {error!r}"]
        return []

    def clean(self):
        for server in (self.small, self.broker):
            if server:
                server.stop()


class RefusedBodies(Attack):
    """Endless bodies of requests that were refused at once (401): they must not be read for an answer that is given."""

    family = "connections"
    allowed = 32 << 20

    def run(self):
        head = b"POST /api/notifications HTTP/1.1\r\nHost: soak\r\nContent-Length: 9000000000\r\n\r\n"
        stream = Stream(b"x" * (1 << 20))
        taken = {}

        def open_one(number):
            peer = self.connect(number)
            peer.sendall(head)
            taken[number] = 0
            return peer

        def act(peer, number):
            before = stream.position
            stream.send(peer)
            taken[number] += (stream.position - before) % len(stream.data)
            if taken[number] > self.allowed:
                self.report(f"{taken[number] >> 20} MiB were read after the request had been refused")
                hold()

        Flood(8, open_one, act).run(per_second=400)
