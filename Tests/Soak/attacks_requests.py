"""Attacks by HTTP: expensive routes, shared stores of tickets and figures, tokens that are not good."""

import time

import wire
from attack import Attack, discard, json_of, pace, receive_some


class HttpFloods(Attack):
    """Expensive routes, one after the other on 8 connections of one user: no scan may hold up ingest."""

    family = "requests"

    def run(self):
        bearer = self.token()
        paths = ["/api/rooms", "/api/online", "/api/alerts?limit=500", "/api/devices", "/api/clients",
                 "/api/rooms/members?room_id=sensors/%23&limit=1000", "/api/latency", "/metrics"]
        peers = {}
        for turn in pace(100):
            number = turn % 8
            try:
                if number not in peers:
                    peers[number] = self.connect(number)
                peer = peers[number]
                discard(peer)
                peer.setblocking(True)
                peer.settimeout(5)
                peer.sendall(wire.request("GET", paths[turn // 8 % len(paths)], bearer))
            except OSError:
                if number in peers:
                    peers.pop(number).close()


class Tickets(Attack):
    """One user who takes tickets as fast as they come: others must get theirs."""

    family = "requests"

    def run(self):
        some = wire.request("POST", "/api/tickets", self.token(), {}) * 20
        peer = None
        for _ in pace(75):
            try:
                if peer is None:
                    peer = self.connect()
                discard(peer)
                peer.setblocking(True)
                peer.settimeout(5)
                peer.sendall(some)
            except OSError:
                if peer is not None:
                    peer.close()
                peer = None


class Spans(Attack):
    """A page that reports absurd times for real deliveries: operators' figures must not follow it."""

    family = "requests"

    def run(self):
        listener = self.websocket()
        for device in self.target.devices[:5]:
            listener.sendall(wire.command("join_room", {"room_id": f"sensors/{device}"}))
        poster = self.connect()
        data = b""
        for _ in pace(20):
            data += receive_some(listener)
            parents = []
            while frame := wire.parse_frame(data):
                data = data[frame[2]:]
                message = json_of(frame[1]) if frame[0] == wire.TEXT else {}
                if message.get("traceparent"):
                    parents.append(message["traceparent"].split("-"))
            spans = [span for parent in parents[-4:] for span in self.spans(parent)]
            if spans:
                body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
                try:
                    poster.sendall(wire.request("POST", "/v1/traces", self.token(), body))
                    self.answer(poster)
                except OSError:
                    poster.close()
                    time.sleep(1)
                    poster = self.connect()

    def spans(self, parent):
        """Thirty deliveries and paints of one delivery, ten minutes long."""
        start = time.time_ns()
        spans = []
        for _ in range(15):
            receive = f"{self.random.getrandbits(64) | 1:016x}"
            for name, above, identifier in (
                    ("websocket.receive", parent[2], receive),
                    ("dashboard.paint", receive, f"{self.random.getrandbits(64) | 1:016x}")):
                spans.append({
                    "traceId": parent[1], "spanId": identifier, "parentSpanId": above, "name": name, "kind": 5,
                    "startTimeUnixNano": str(start + 590_000_000_000), "endTimeUnixNano": str(start + 595_000_000_000)})
        return spans

    def verify(self):
        status, body = self.target.gateway.get("/api/latency?minutes=5", wire.token("operator", join=["#"]))
        if status != 200:
            return [f"/api/latency answered {status}"]
        return [f"the hop {hop['hop']} has a median of {hop['p50_ms'] / 1000:.0f} s"
                for hop in json_of(body).get("hops", []) if hop.get("p50_ms", 0) > 30_000]


class BadTokens(Attack):
    """Tokens that have expired, are forged, or ask for the world: all must be refused, and cheaply."""

    family = "requests"

    def run(self):
        everything = {"join": ["#"], "publish": ["#"]}
        good = wire.token("mallory", **everything)
        tokens = [
            wire.token("mallory", lifetime=-1, **everything),
            wire.token("mallory", lifetime=-86_400 * 365, **everything),
            wire.token("mallory", secret="another-secret-0123456789-abcdefghijk", **everything),
            wire.token("mallory", algorithm="none", **everything).rsplit(".", 1)[0] + ".",
            wire.token("mallory", algorithm="RS256", **everything),
            good[:-4] + "AAAA", good.replace(".", ".."), "a.b.c", "x",
            wire.token("a/b", **everything), wire.token("", **everything), wire.token("x" * 200, **everything),
            wire.token("mallory", join=[f"{'f' * 20}/{number}" for number in range(257)]), "y" * 20_000,
        ]
        ending = []
        for number in pace(100):
            if number % 100 == 0:
                self.check_ending(ending)
            bearer = tokens[number % len(tokens)]
            try:
                peer = self.connect(number % 200)
                if number // len(tokens) % 2:
                    peer.sendall(wire.upgrade(bearer=bearer))
                else:
                    peer.sendall(wire.request("GET", "/api/devices", bearer))
                line = receive_some(peer).splitlines()[0]
                peer.close()
            except OSError:
                continue
            if line.split()[1][:1] != b"4":
                self.report(f"the bad token {bearer[:60]} was answered {line.decode(errors='replace')}")

    def check_ending(self, ending):
        """Connects with a token that is good for two seconds; those of before must have been closed."""
        try:
            ending.append((time.monotonic(), self.websocket(lifetime=2)))
        except OSError:
            pass
        while ending and time.monotonic() - ending[0][0] > 15:
            _, peer = ending.pop(0)
            try:
                discard(peer)
                discard(peer)
                self.report("a client was still connected 13 s after its token had expired")
            except OSError:
                pass
            peer.close()
