"""The honest side: devices, dashboards, people and tools that behave, and complain when anything is not as promised.

It runs in a process of its own, so that no attack shares its interpreter, and reports once a second. What it checks:

- every reading of every device reaches every dashboard once, in order, and is in the stored history at the end;
- no dashboard is closed, told of a gap, or shown a reading that its device never sent;
- chat messages are acknowledged and arrive once, in the order of their offsets;
- HTTP requests are answered 200; a new client gets a ticket, connects with it and joins;
- a new room and a new user's inbox can be had at any time.
"""

import asyncio
import json
import os
import signal
import struct
import time

import servers
import wire

FLEETS, DEVICES_PER_FLEET, DASHBOARDS = 4, 5, 3
# Readings of a device and chat messages, a second.
RATE, CHAT_RATE = 5, 4
# Seconds for one answer; whatever takes this long is broken rather than slow.
PATIENCE = 30
# Honest peers come from addresses of their own, as limits per address would have it.
ADDRESS = "127.0.0.{}"


class Report:
    """What happened since the last report: latencies in milliseconds, and failures. Answers have their request."""

    def __init__(self):
        self.readings, self.chat, self.http, self.failures = [], [], [], []
        self.finished = False


class Broken(Exception):
    """A promise of the gateway that was not kept."""


def now_ms():
    return time.monotonic() * 1000


async def connect(port, address):
    return await asyncio.wait_for(
        asyncio.open_connection("127.0.0.1", port, local_addr=(ADDRESS.format(address), 0), limit=1 << 24), PATIENCE)


class WebSocket:
    """A client of `/ws`."""

    def __init__(self, name):
        self.name = name
        self.commands = 0

    async def open(self, port, address, bearer=None, path="/ws"):
        self.reader, self.writer = await connect(port, address)
        self.writer.write(wire.upgrade(path, bearer))
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        if not head.startswith(b"HTTP/1.1 101"):
            raise Broken(f"{self.name}: the handshake was answered {head.splitlines()[0].decode()}")
        return self

    def send(self, kind, payload):
        self.commands += 1
        self.writer.write(wire.command(kind, payload, str(self.commands)))
        return str(self.commands)

    async def receive(self):
        """The next message; pings are answered."""
        while True:
            head = await self.reader.readexactly(2)
            size = head[1] & 0x7F
            if size == 126:
                size = struct.unpack("!H", await self.reader.readexactly(2))[0]
            elif size == 127:
                size = struct.unpack("!Q", await self.reader.readexactly(8))[0]
            payload = await self.reader.readexactly(size)
            opcode = head[0] & 0x0F
            if opcode == wire.TEXT:
                return json.loads(payload)
            if opcode == wire.PING:
                self.writer.write(wire.frame(wire.PONG, payload))
            if opcode == wire.CLOSE:
                code = struct.unpack_from("!H", payload)[0] if len(payload) >= 2 else 1005
                raise Broken(f"{self.name}: closed with {code}")

    async def answer(self, identifier):
        """The answer to a command; messages before it are skipped."""
        while True:
            message = await asyncio.wait_for(self.receive(), PATIENCE)
            if message["type"] == "error":
                raise Broken(f"{self.name}: {message['payload']}")
            if message.get("id") == identifier:
                return message

    def close(self):
        self.writer.close()


class Fleet:
    """A few devices on one MQTT connection at QoS 1: each reading has a number and the time it was sent."""

    def __init__(self, number, devices):
        self.number = number
        self.sent = {device: 0 for device in devices}
        self.packet, self.under_way = 0, set()
        self.is_stopped = False

    async def run(self, port):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.writer.write(wire.mqtt_connect(f"honest-fleet-{self.number}"))
        if (await self.reader.readexactly(4))[3] != 0:
            raise Broken("the broker refused an honest fleet")
        acknowledgements = asyncio.ensure_future(self.acknowledgements())
        interval = 1 / RATE / len(self.sent)
        due = time.monotonic()
        while not self.is_stopped:
            for device in self.sent:
                due += interval
                await asyncio.sleep(max(0, due - time.monotonic()))
                self.publish(device)
        deadline = time.monotonic() + PATIENCE
        while self.under_way and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        acknowledgements.cancel()
        if self.under_way:
            raise Broken(f"the broker did not acknowledge {len(self.under_way)} readings")

    def publish(self, device):
        self.sent[device] += 1
        self.packet = self.packet % 65535 + 1
        self.under_way.add(self.packet)
        payload = f'{{"seq":{self.sent[device]},"sent":{time.monotonic_ns() // 1000}}}'
        self.writer.write(wire.mqtt_publish(f"sensors/{device}", payload, packet=self.packet))

    async def acknowledgements(self):
        while True:
            packet = await self.reader.readexactly(4)
            self.under_way.discard(struct.unpack_from("!H", packet, 2)[0])


class Honest:
    def __init__(self, web_port, mqtt_port, generation):
        self.web, self.mqtt = web_port, mqtt_port
        prefix = f"honest{generation}"
        self.devices = [f"{prefix}-{number}" for number in range(1, FLEETS * DEVICES_PER_FLEET + 1)]
        self.fleets = [Fleet(f"{prefix}-{number}", self.devices[number::FLEETS]) for number in range(FLEETS)]
        self.rooms = [f"sensors/{device}" for device in self.devices]
        self.lobby = f"chat/{prefix}"
        self.report = Report()
        # What each dashboard has seen last, by device.
        self.seen = [{} for _ in range(DASHBOARDS)]
        self.chat_sent = self.chat_acknowledged = self.chat_seen = 0
        self.is_stopping = False

    def token(self, user, **grants):
        return wire.token(user, join=[*self.rooms, "chat/#"], **grants)

    def fail(self, reason):
        if len(self.report.failures) < 20:
            self.report.failures.append(reason)

    async def watched(self, name, work):
        """Runs a task that must not end before it is told to."""
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Broken as error:
            self.fail(str(error))
        except (OSError, EOFError, asyncio.TimeoutError, ValueError, KeyError, AttributeError, IndexError) as error:
            self.fail(f"{name}: {error!r}")

    # Readings

    async def dashboard(self, number, joined):
        """Joins every honest device's room and follows the numbers."""
        name = f"dashboard {number}"
        socket = await WebSocket(name).open(self.web, 10 + number, self.token(f"viewer-{number}"))
        for room in self.rooms:
            await socket.answer(socket.send("join_room", {"room_id": room}))
        joined.release()
        seen = self.seen[number]
        while True:
            message = await socket.receive()
            payload = message["payload"]
            if message["type"] == "gap":
                raise Broken(f"{name}: was told of a gap in {payload['room_id']}")
            if message["type"] != "data_update":
                continue
            device, data = payload["device"], payload["data"]
            if payload["room_id"] != f"sensors/{device}" or "seq" not in data:
                self.fail(f"{name}: a foreign reading in {payload['room_id']}: {str(data)[:100]}")
                continue
            number_now, expected = int(data["seq"]), seen.get(device, 0) + 1
            self.report.readings.append(now_ms() - data["sent"] / 1000)
            if number_now != expected:
                self.fail(f"{name}: {device} sent {number_now} where {expected} was due")
            seen[device] = number_now

    # Chat

    async def chat(self):
        """Ann writes, Bob reads. Both see the room's offsets grow one by one."""
        ann = await WebSocket("ann").open(self.web, 15, self.token("ann", publish=[self.lobby]))
        bob = await WebSocket("bob").open(self.web, 15, self.token("bob"))
        await bob.answer(bob.send("join_room", {"room_id": self.lobby}))
        listening = asyncio.ensure_future(self.watched("bob", self.listen(bob)))
        try:
            while not self.is_stopping:
                began = now_ms()
                self.chat_sent += 1
                content = f"{self.chat_sent} {began}"
                answer = await ann.answer(ann.send("send_to_room", {"room_id": self.lobby, "content": content}))
                offset = answer["payload"]["offset"]
                if offset != self.chat_sent:
                    raise Broken(f"ann: message {self.chat_sent} got offset {offset}")
                self.chat_acknowledged = offset
                await asyncio.sleep(max(0, 1 / CHAT_RATE - (now_ms() - began) / 1000))
            deadline = time.monotonic() + PATIENCE
            while self.chat_seen < self.chat_acknowledged and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
            if self.chat_seen < self.chat_acknowledged:
                raise Broken(f"bob: has {self.chat_seen} of {self.chat_acknowledged} acknowledged messages")
        finally:
            listening.cancel()

    async def listen(self, bob):
        while True:
            message = await bob.receive()
            if message["type"] != "chat_message":
                continue
            number, began = message["payload"]["content"].split()
            if int(number) != self.chat_seen + 1 or message["offset"] != self.chat_seen + 1:
                raise Broken(f"bob: message {number} at {message['offset']} where {self.chat_seen + 1} was due")
            self.chat_seen += 1
            self.report.chat.append(now_ms() - float(began))

    # HTTP

    async def http(self, method, path, bearer=None, body=None, expected=(200,)):
        """The body of an answer; one connection a request, as new visitors have."""
        began = now_ms()

        async def exchange():
            reader, writer = await connect(self.web, 16)
            try:
                writer.write(wire.request(method, path, bearer, body, ["Connection: close"]))
                return await reader.read(-1)
            finally:
                writer.close()

        try:
            answer = await asyncio.wait_for(exchange(), PATIENCE)
        except (OSError, asyncio.TimeoutError) as error:
            raise Broken(f"{method} {path.split('?')[0]}: {error!r} after {now_ms() - began:.0f} ms") from None
        self.report.http.append((now_ms() - began, f"{method} {path.split('?')[0]}"))
        head, _, content = answer.partition(b"\r\n\r\n")
        status = int(head.split()[1]) if head else 0
        if status not in expected:
            raise Broken(f"{method} {path.split('?')[0]}: answered {status}: {content[:150].decode(errors='replace')}")
        if b"chunked" in head.lower():
            content = unchunked(content)
        return content

    async def poller(self):
        """A monitoring system and an open page."""
        bearer = self.token("poller")
        device = self.devices[0]
        paths = ["/readyz", "/livez", "/api/devices", f"/api/rooms/history?room_id={self.lobby}&limit=20",
                 "/metrics", "/api/online", f"/api/readings?device={device}&metric=seq", "/api/rooms",
                 f"/api/rooms/members?room_id={self.lobby}", "/api/alerts"]
        while not self.is_stopping:
            for path in paths:
                await self.watched("poller", self.http("GET", path, bearer))
                await asyncio.sleep(0.4)

    async def visitor(self):
        """Someone who opens a dashboard: a ticket, a WebSocket, a join."""
        while not self.is_stopping:
            await self.watched("visitor", self.visit())
            await asyncio.sleep(2)

    async def visit(self):
        ticket = json.loads(await self.http("POST", "/api/tickets", self.token("visitor"), {}, (201,)))["ticket"]
        began = now_ms()
        socket = await WebSocket("visitor").open(self.web, 17, path=f"/ws?ticket={ticket}")
        await socket.answer(socket.send("join_room", {"room_id": self.rooms[0]}))
        socket.close()
        self.report.http.append((now_ms() - began, "connecting and joining"))

    async def newcomers(self):
        """Users who were never here: each writes into a room of its own and is notified by a colleague."""
        number = 0
        while not self.is_stopping:
            number += 1
            await self.watched("newcomer", self.newcomer(f"{self.lobby}-newcomer-{number}"))
            await asyncio.sleep(5)

    async def newcomer(self, room):
        user = room.replace("/", "-")
        bearer = self.token(user, publish=["chat/#"], notify=True)
        await self.http("POST", "/api/rooms/messages", bearer, {"room_id": room, "content": "hello"}, (201,))
        await self.http("POST", "/api/notifications", bearer, {"user_id": f"{user}-friend", "title": "hi"}, (201,))
        friend = json.loads(await self.http("GET", "/api/notifications", self.token(f"{user}-friend")))
        if [entry["title"] for entry in friend["notifications"]] != ["hi"]:
            raise Broken(f"a new user's inbox has {friend}")

    # The end

    async def finish(self, sending):
        """Stops what sends, waits for what is under way, and compares with what is stored."""
        self.is_stopping = True
        for fleet in self.fleets:
            fleet.is_stopped = True
        await asyncio.wait(sending, timeout=PATIENCE * 2)
        sent = {device: count for fleet in self.fleets for device, count in fleet.sent.items()}
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if all(seen.get(device, 0) >= count for seen in self.seen for device, count in sent.items()):
                break
            await asyncio.sleep(0.1)
        for number, seen in enumerate(self.seen):
            missing = sum(max(0, count - seen.get(device, 0)) for device, count in sent.items())
            if missing:
                self.fail(f"dashboard {number}: {missing} of {sum(sent.values())} readings never came")
        for device, count in sent.items():
            await self.watched(f"history of {device}", self.compare(device, count))

    async def compare(self, device, count):
        lines = await self.http(
            "GET", f"/api/readings?device={device}&metric=seq&points=10000&from={self.started:.0f}",
            self.token(f"auditor-{device}"))
        body = json.loads(lines)
        stored = sorted(int(point[1]) for series in body["series"] for point in series["points"])
        if stored != list(range(1, count + 1)):
            raise Broken(f"the history of {device} has {len(stored)} values, {len(set(stored))} different, of {count}")

    async def reporter(self, pipe):
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()

        def command():
            pipe.recv()
            stop.set()

        loop.add_reader(pipe.fileno(), command)
        while not stop.is_set():
            try:
                await asyncio.wait_for(stop.wait(), 1)
            except asyncio.TimeoutError:
                pass
            report, self.report = self.report, Report()
            pipe.send(report)

    async def main(self, pipe):
        self.started = time.time() - 5
        joined = asyncio.Semaphore(0)
        tasks = [asyncio.ensure_future(self.watched(f"dashboard {number}", self.dashboard(number, joined)))
                 for number in range(DASHBOARDS)]
        for _ in range(DASHBOARDS):
            await asyncio.wait_for(joined.acquire(), PATIENCE * 2)
        sending = [asyncio.ensure_future(self.watched(f"fleet {fleet.number}", fleet.run(self.mqtt)))
                   for fleet in self.fleets]
        talking = asyncio.ensure_future(self.watched("chat", self.chat()))
        tasks += [asyncio.ensure_future(work) for work in (self.poller(), self.visitor(), self.newcomers())]
        await self.reporter(pipe)
        await self.finish(sending)
        await asyncio.wait([talking], timeout=PATIENCE)
        for task in [*tasks, *sending, talking]:
            task.cancel()
        self.report.finished = True
        pipe.send(self.report)


def unchunked(data):
    """A body without its chunk sizes."""
    whole, rest = b"", data
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size or b"0", 16)
        if length == 0:
            break
        whole, rest = whole + rest[:length], rest[length + 2:]
    return whole


def run(pipe, web_port, mqtt_port, generation):
    """The main function of the honest process."""
    servers.die_with_parent()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    honest = Honest(web_port, mqtt_port, generation)
    try:
        asyncio.run(honest.main(pipe))
    except Exception as error:  # Anything that is not foreseen is a failure of the run, never silence.
        honest.fail(f"the honest side could not go on: {error!r}")
        honest.report.finished = True
        pipe.send(honest.report)
    pipe.close()
    os._exit(0)
