"""Attacks by what is small on the wire and large once it is taken apart: requests, frames, JSON, filters."""

import socket

import wire
from attack import Attack, Flood, Stream, discard, json_of, stream
from servers import FULL_ROOM


class Pipelines(Attack):
    """100 connections without a token that send requests without end: one at a time is parsed and answered."""

    family = "parsing"

    def run(self):
        get = wire.request("GET", "/livez")
        chunks = wire.request("POST", "/livez", headers=["Transfer-Encoding: chunked"]) + b"1\r\nx\r\n" * 10_000
        floods = [get * 4000, get * 4000, get * 100 + chunks]
        streams, turns = {}, {}

        def open_one(number):
            streams[number], turns[number] = Stream(floods[number % 3]), 0
            return self.connect(number, receive=None if number % 2 else 4096)

        def act(peer, number):
            if number % 2:
                discard(peer)
            turns[number] += 1
            # A client that ends its half: everything that the system has taken is read at once.
            if number % 4 == 1 and turns[number] == 20:
                peer.shutdown(socket.SHUT_WR)
            streams[number].send(peer)

        Flood(100, open_one, act, opens_per_second=20).run(per_second=400)


class StuckParsers(Attack):
    """4 connections that ask for another protocol and then send without end: what nobody parses is not kept."""

    family = "parsing"

    def run(self):
        head = wire.request("GET", "/livez", headers=["Upgrade: h2c", "Connection: Upgrade"])
        flood = b"x" * (1 << 16)

        def open_one(number):
            peer = self.connect(number)
            peer.sendall(head)
            return peer

        def act(peer, number):
            peer.setblocking(False)
            peer.send(flood)

        Flood(4, open_one, act, opens_per_second=20).run(per_second=300)


class LongPaths(Attack):
    """60 connections that ask for paths of 30 KB: a path costs nothing before it is known to be none."""

    family = "parsing"

    def run(self):
        requests = [wire.request("GET", "/api/rooms/" + text * (30_000 // len(text))) for text in ("%CC%81", "a/", "a")]
        stream(self.connect, requests, 60, per_second=300, opens_per_second=100)


class Fragments(Attack):
    """40 clients whose messages come in empty frames and never end: no rate counts a message before it is whole."""

    family = "parsing"

    def run(self):
        empty = wire.frame(0, fin=False)
        floods = [wire.frame(wire.TEXT, b"{", fin=False) + empty * 10_000,
                  (wire.frame(wire.TEXT, b"{", fin=False) + empty * 100 + wire.frame(0, b"}")) * 100]
        stream(self.websocket, floods, 40, per_second=400)


class NestedCommands(Attack):
    """40 clients that send 64 KiB of nested JSON at half the rate of commands: bytes and values count as well."""

    family = "parsing"

    def run(self):
        texts = [b'{"type":"x","payload":{"p":[' + b",".join([value] * (64_000 // (len(value) + 1))) + b"]}}"
                 for value in (b"[1]", b"{}", b'{"a":1}', b"1", b'""')]
        stream(self.websocket, [wire.frame(wire.TEXT, text) for text in texts], 40, per_second=2000)


class DeepFilters(Attack):
    """40 clients that join 250 filters of 30 levels each: a level is not worth a node of every tree."""

    family = "parsing"

    def run(self):
        joined = {}

        def open_one(number):
            joined[number] = 0
            return self.websocket(number)

        def act(peer, number):
            discard(peer)
            peer.setblocking(True)
            turn = joined[number]
            joined[number] += 1
            levels = [f"{self.random.randrange(100)}" if self.random.random() < 0.7 else "+" for _ in range(28)]
            if turn < 250:
                peer.sendall(wire.command("join_room", {"room_id": "/".join(["chat", *levels, "#"])}))
            elif turn % 50 == 0:
                with self.connect(number) as asking:
                    asking.sendall(wire.request("GET", "/api/rooms", self.token(number)))
                    self.answer(asking)

        Flood(40, open_one, act, opens_per_second=20).run(per_second=1200)


class LargeJoins(Attack):
    """90 clients that join a full room with a command of 60 KiB and read nothing: the command does not wait as well."""

    family = "parsing"

    def prepare(self):
        _, body = self.target.gateway.get(f"/api/rooms/history?room_id={FULL_ROOM}&limit=1", self.token())
        self.since = {"offset": 0, "epoch": json_of(body).get("epoch", "")}

    def run(self):
        padding = {f"p{number}": {"x": 1} for number in range(100)} | {"long": "x" * 50_000}

        def open_one(number):
            peer = self.websocket(number, receive=4096)
            peer.sendall(wire.command("join_room", {"room_id": FULL_ROOM, "since": self.since, **padding}, "1"))
            return peer

        Flood(90, open_one, lambda peer, number: None, opens_per_second=30).run(per_second=180)


class PacedRooms(Attack):
    """60 clients with `max_rate_hz` on all chat rooms, in which users come and go: what is remembered has a limit."""

    family = "parsing"

    def run(self):
        def open_one(number):
            peer = self.websocket(number)
            if number < 60:
                peer.sendall(wire.command("join_room", {"room_id": "chat/#", "max_rate_hz": 0.01}))
            return peer

        def act(peer, number):
            discard(peer)
            if number < 60:
                return
            peer.setblocking(True)
            room = f"chat/{'r' * 200}/{self.random.randrange(1 << 30)}"
            peer.sendall(wire.command("join_room", {"room_id": room}))
            peer.sendall(wire.command("leave_room", {"room_id": room}))

        Flood(80, open_one, act, opens_per_second=20).run(per_second=1600)
