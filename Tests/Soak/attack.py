"""What attacks are made of: a base class, sockets from many addresses, and a pace.

Each attack is a class with a docstring that names the fault it provokes. `run` attacks until it is killed, in a process
of its own with the least priority: what it costs is what it makes the gateway do. Rates are bounded, because a loopback
flood from two cores would only show that two cores are not three.
"""

import itertools
import json
import multiprocessing
import os
import random
import signal
import socket
import struct
import time
import zlib
from pathlib import Path

import servers
import wire

ATTACKS = {}


class Target:
    """Where attacks go."""

    def __init__(self, gateway, broker, folder, binary, seed, devices, is_debug):
        self.gateway, self.broker, self.folder, self.binary, self.seed = gateway, broker, folder, binary, seed
        self.web, self.mqtt = gateway.port, broker.port
        # Names of honest devices, whose rooms are never silent.
        self.devices = devices
        self.is_debug = is_debug

    def ingest_rate(self, per_second):
        """A rate of costly payloads that leaves ingest time for others: a debug build decodes far more slowly."""
        return per_second / 4 if self.is_debug else per_second


class Attack:
    """One attack. `name` is its class's in words of the command line, `family` the group it runs with in short runs."""

    family = None

    def __init_subclass__(cls):
        if cls.__doc__:
            ATTACKS[cls.name()] = cls

    @classmethod
    def name(cls):
        return "".join("-" + letter.lower() if letter.isupper() else letter for letter in cls.__name__).strip("-")

    def __init__(self, target):
        self.target = target
        self.random = random.Random(f"{target.seed}-{self.name()}")
        self.failures, self.writing_end = multiprocessing.Pipe(duplex=False)
        # Loopback addresses of its own: limits per address are charged to whom they are for.
        self.network = 64 + zlib.crc32(self.name().encode()) % 150

    # What subclasses define

    def prepare(self):
        """Runs before the attack, in the main process."""

    def run(self):
        """Attacks until the process is killed."""
        raise NotImplementedError

    def verify(self):
        """Runs after the attack, in the main process; returns reasons why it succeeded."""
        return []

    def clean(self):
        """Ends what `prepare` started."""

    # Running

    def start(self):
        self.process = multiprocessing.get_context("fork").Process(target=self.child, daemon=True)
        self.process.start()

    def child(self):
        servers.die_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.yield_processors()
        try:
            # Being cut off or kept waiting ends no attack.
            for _ in range(10):
                try:
                    self.run()
                except OSError as error:
                    last = error
                    time.sleep(1)
            raise last
        except Exception as error:  # An attack that does not attack must not look like one that was withstood.
            if servers.is_listening(self.target.web) and servers.is_listening(self.target.mqtt):
                self.report(f"the attack itself broke: {error!r}")

    @staticmethod
    def yield_processors():
        """Leaves the processors to the gateway: real attackers have machines of their own."""
        os.nice(19)
        # Where the kernel groups processes by session, that counts within the session only.
        os.setsid()
        try:
            Path("/proc/self/autogroup").write_text("19")
        except OSError:
            pass

    def stop(self):
        """Kills it; returns why it succeeded, as far as it saw that itself."""
        self.process.kill()
        self.process.join()
        reasons = []
        while self.failures.poll():
            reasons.append(self.failures.recv())
        return reasons

    def report(self, reason):
        """Says from the attacking process that something is not as promised."""
        self.writing_end.send(reason)

    # Means

    def address(self, number=0):
        return f"127.{self.network}.{number // 250}.{number % 250 + 1}"

    def token(self, number=0, **grants):
        """A token of one of this attack's users, who may read and write what ordinary users may."""
        grants = {"join": ["sensors/#", "chat/#"], "publish": ["chat/#"], **grants}
        return wire.token(f"{self.name()}-{number}", **grants)

    def connect(self, number=0, receive=None, port=None):
        """A TCP connection from address `number`; `receive` is the size of its receive buffer."""
        peer = socket.socket()
        try:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if receive:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
            peer.settimeout(5)
            peer.bind((self.address(number), 0))
            peer.connect(("127.0.0.1", port or self.target.web))
        except OSError:
            peer.close()
            raise
        return peer

    def websocket(self, number=0, user=None, receive=None, **grants):
        """A WebSocket whose handshake was taken; `user` is `number` unless it is named."""
        peer = self.connect(number, receive)
        try:
            peer.sendall(wire.upgrade(bearer=self.token(number if user is None else user, **grants)))
            head = b""
            while b"\r\n\r\n" not in head:
                piece = peer.recv(1)
                if not piece:
                    raise ConnectionError("the handshake was not answered")
                head += piece
            if not head.startswith(b"HTTP/1.1 101"):
                raise ConnectionError(head.splitlines()[0].decode())
        except OSError:
            peer.close()
            raise
        return peer

    def device(self, version=4, number=0):
        """A connection to the broker that takes what it says and forgets it."""
        peer = socket.create_connection(("127.0.0.1", self.target.mqtt), 10)
        peer.sendall(wire.mqtt_connect(f"{self.name()}-{number}-{self.random.random()}", version))
        if peer.recv(64)[3] != 0:
            raise ConnectionError("the broker refused the attack")
        return peer

    def answer(self, peer):
        """Status and body of an answer on a connection that is read, and kept."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += receive_some(peer)
        head, _, body = data.partition(b"\r\n\r\n")
        fields = {line.split(b":", 1)[0].strip().lower(): line.split(b":", 1)[1].strip()
                  for line in head.splitlines()[1:] if b":" in line}
        if b"content-length" in fields:
            while len(body) < int(fields[b"content-length"]):
                body += receive_some(peer)
        else:
            while not body.endswith(b"0\r\n\r\n"):
                body += receive_some(peer)
        return int(head.split()[1]), body


class Flood:
    """Connections that are kept open, each of which acts in turn.

    `open_one(number)` returns a socket, `act(socket, number)` uses it; one that fails is opened again later.
    """

    def __init__(self, count, open_one, act, opens_per_second=50):
        self.peers = [None] * count
        self.open_one, self.act = open_one, act
        self.opens_per_second = opens_per_second

    def run(self, per_second):
        began, opened = time.monotonic(), 0
        for turn in pace(per_second):
            number = turn % len(self.peers)
            try:
                if self.peers[number] is None:
                    # All at once in the beginning, then at a bounded rate.
                    if opened > len(self.peers) + (time.monotonic() - began) * self.opens_per_second:
                        continue
                    opened += 1
                    self.peers[number] = self.open_one(number)
                    continue
                self.act(self.peers[number], number)
            except BlockingIOError:
                pass
            except OSError:
                self.drop(number)

    def drop(self, number):
        if self.peers[number] is not None:
            self.peers[number].close()
            self.peers[number] = None


def stream(open_one, floods, count, per_second, opens_per_second=20, reads=True):
    """Sends one of the floods over and over to each of so many sockets; takes and forgets what they answer, if it reads."""
    streams = {}

    def open_stream(number):
        streams[number] = Stream(floods[number % len(floods)])
        return open_one(number)

    def send(peer, number):
        if reads:
            discard(peer)
        streams[number].send(peer)

    Flood(count, open_stream, send, opens_per_second).run(per_second)


class Stream:
    """Bytes that a socket is sent over and over, as far as it takes them, from where they were left."""

    def __init__(self, data):
        self.data, self.position = memoryview(data), 0

    def send(self, peer):
        peer.setblocking(False)
        self.position += peer.send(self.data[self.position:])
        if self.position == len(self.data):
            self.position = 0


def receive_some(peer):
    piece = peer.recv(1 << 16)
    if not piece:
        raise ConnectionError("closed")
    return piece


def discard(peer):
    """Takes and forgets what has come, up to a MiB."""
    peer.setblocking(False)
    try:
        for _ in range(16):
            if not peer.recv(1 << 16):
                raise ConnectionError("closed")
    except BlockingIOError:
        pass


def reset(peer):
    """Closes a socket with RST instead of FIN."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def pace(per_second):
    """Counts without end, so many a second; what was missed in a stall is not made up for."""
    due = time.monotonic()
    for number in itertools.count():
        yield number
        due = max(due + 1 / per_second, time.monotonic() - 0.1)
        delay = due - time.monotonic()
        if delay > 0.001:
            time.sleep(delay)


def hold():
    """Keeps everything open and does nothing."""
    while True:
        time.sleep(60)


def json_of(body):
    try:
        return json.loads(body)
    except ValueError:
        return {}
