"""Attacks by clients that keep to 100 commands a second: each command must cost what it is worth."""

import time

import wire
from attack import Attack, Flood, discard, hold, pace


class Leaves(Attack):
    """250 filters and `sensors/#` at 0.001 Hz, then leaves and joins: a leave must not test every series."""

    family = "commands"

    def run(self):
        filters = [f"sensors/{number}/#" for number in range(250)]
        turns = {}

        def open_one(number):
            peer = self.websocket(number)
            turns[number] = 0
            for position in range(0, 250, 50):
                for room in filters[position:position + 50]:
                    peer.sendall(wire.command("join_room", {"room_id": room, "max_rate_hz": 0.001}))
                discard(peer)
            peer.sendall(wire.command("join_room", {"room_id": "sensors/#", "max_rate_hz": 0.001}))
            return peer

        def act(peer, number):
            discard(peer)
            room = filters[turns[number] // 2 % len(filters)]
            kind, payload = "leave_room", {"room_id": room}
            if turns[number] % 2:
                kind, payload["max_rate_hz"] = "join_room", 0.001
            turns[number] += 1
            peer.setblocking(True)
            peer.sendall(wire.command(kind, payload))

        Flood(4, open_one, act, opens_per_second=1).run(per_second=160)


class Joins(Attack):
    """`join_room sensors/#` again and again: no snapshot for a join that exists, and snapshots are charged by size."""

    family = "commands"

    def run(self):
        def act(peer, number):
            discard(peer)
            peer.setblocking(True)
            peer.sendall(wire.command("join_room", {"room_id": "sensors/#"}, "1"))

        Flood(4, self.websocket, act, opens_per_second=2).run(per_second=160)


class Rejoins(Attack):
    """`sensors/#` joined and left in turn, beside 200 filters: a wildcard must not empty everybody's lists."""

    family = "commands"

    def run(self):
        turns = {}

        def open_one(number):
            peer = self.websocket(number)
            turns[number] = 0
            for room in range(150):
                peer.sendall(wire.command("join_room", {"room_id": f"sensors/+/{number}/{room}/#"}))
            return peer

        def act(peer, number):
            discard(peer)
            turns[number] += 1
            peer.setblocking(True)
            kind = "join_room" if turns[number] % 2 else "leave_room"
            peer.sendall(wire.command(kind, {"room_id": "sensors/#" if turns[number] % 8 < 2 else "+/x/#"}))

        Flood(4, open_one, act, opens_per_second=1).run(per_second=160)


class Rooms(Attack):
    """One user who makes a room with every message: rooms and inboxes of others must still be had."""

    family = "commands"

    def run(self):
        made = 0

        def act(peer, number):
            nonlocal made
            discard(peer)
            peer.setblocking(True)
            for _ in range(4):
                made += 1
                room = f"chat/made/{self.random.randrange(1 << 60)}"
                peer.sendall(wire.command("send_to_room", {"room_id": room, "content": "x"}))

        # One user with ten clients: 800 rooms a second are asked for.
        Flood(10, lambda number: self.websocket(number, user=0), act, opens_per_second=5).run(per_second=200)


class Messages(Attack):
    """Long chat messages as fast as commands go, in a room whose members read nothing: others' chat goes on."""

    family = "commands"

    def run(self):
        content = "\u2028" * 2700
        text = wire.command("send_to_room", {"room_id": "chat/flood", "content": content})

        def open_one(number):
            peer = self.websocket(number, receive=4096)
            peer.sendall(wire.command("join_room", {"room_id": "chat/flood"}))
            return peer

        def act(peer, number):
            peer.setblocking(True)
            peer.settimeout(2)
            if number < 4:
                discard(peer)
                peer.setblocking(True)
                peer.sendall(text)
            else:
                peer.sendall(wire.frame(wire.PONG))

        Flood(12, open_one, act).run(per_second=360)


class IdleCrowd(Attack):
    """200 clients of 10 users that join 100 rooms each and stay: what is idle costs nothing."""

    family = "commands"

    def run(self):
        peers = []
        for number in pace(50):
            if number == 200:
                hold()
            try:
                peer = self.websocket(number, user=number % 10)
                for room in range(100):
                    peer.sendall(wire.command("join_room", {"room_id": f"chat/idle/{number}/{room}"}))
                    if room % 25 == 24:
                        time.sleep(0.01)
                peers.append(peer)
            except OSError:
                pass
