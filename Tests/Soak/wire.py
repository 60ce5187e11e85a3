"""The protocols from a peer's side, byte by byte: tokens, HTTP requests, WebSocket frames and MQTT packets.

Attacks need bytes that no library would send, so everything here only builds or parses bytes. Sockets are opened by
the callers.
"""

import base64
import hashlib
import hmac
import json
import struct
import time

SECRET = "soak-secret-0123456789-abcdefghijklmnop"

# WebSocket opcodes (RFC 6455 section 5.2)
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(user, join=(), publish=(), notify=False, lifetime=3600, secret=SECRET, algorithm="HS256", share=False):
    """A JSON Web Token; with a negative lifetime one that has expired."""
    claims = {"sub": user, "exp": int(time.time()) + lifetime, "join": list(join), "publish": list(publish)}
    if notify:
        claims["notify"] = True
    if share:
        claims["share"] = True
    signed = ".".join(
        base64url(json.dumps(part, separators=(",", ":")).encode())
        for part in ({"alg": algorithm, "typ": "JWT"}, claims))
    return signed + "." + base64url(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())


# HTTP


def request(method, path, bearer=None, body=None, headers=()):
    """A whole HTTP/1.1 request; `body` is bytes, or a value that is sent as JSON."""
    lines = [f"{method} {path} HTTP/1.1", "Host: soak"]
    if bearer:
        lines.append(f"Authorization: Bearer {bearer}")
    if body is not None:
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join([*lines, *headers]) + "\r\n\r\n").encode() + (body or b"")


def upgrade(path="/ws", bearer=None):
    """A WebSocket handshake."""
    return request("GET", path, bearer, headers=[
        "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: c29hayBzb2FrIHNvYWsgcw==", "Sec-WebSocket-Protocol: windsock.v1"])


# WebSocket


def frame(opcode, payload=b"", fin=True, reserved=0, masked=True, length=None):
    """A frame with an all-zero mask, which leaves the payload as it is. `length` lies about the payload's."""
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    size = len(payload) if length is None else length
    bit = 0x80 if masked else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 1 << 16:
        head += struct.pack("!BH", bit | 126, size)
    else:
        head += struct.pack("!BQ", bit | 127, size)
    return head + (b"\0\0\0\0" if masked else b"") + payload


def command(kind, payload, identifier=None):
    """A frame with a command of the gateway's protocol."""
    message = {"type": kind, "payload": payload}
    if identifier is not None:
        message["id"] = identifier
    return frame(TEXT, json.dumps(message).encode())


def parse_frame(data):
    """The first frame of what a server sent: (opcode, payload, bytes taken), or None when it is not whole."""
    if len(data) < 2:
        return None
    size, start = data[1] & 0x7F, 2
    if size == 126:
        start = 4
        if len(data) < start:
            return None
        size = struct.unpack_from("!H", data, 2)[0]
    elif size == 127:
        start = 10
        if len(data) < start:
            return None
        size = struct.unpack_from("!Q", data, 2)[0]
    if len(data) < start + size:
        return None
    return data[0] & 0x0F, bytes(data[start:start + size]), start + size


# MQTT


def mqtt_string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("!H", len(data)) + data


def mqtt_size(size):
    """A variable byte integer."""
    data = b""
    while True:
        size, digit = divmod(size, 128)
        data += bytes([digit | (0x80 if size else 0)])
        if not size:
            return data


def mqtt_packet(first, body):
    return bytes([first]) + mqtt_size(len(body)) + body


def mqtt_connect(client, version=4):
    """CONNECT of a clean session without keep-alive; version 4 is MQTT 3.1.1, 5 is MQTT 5."""
    body = mqtt_string("MQTT") + bytes([version, 2, 0, 0]) + (b"\0" if version == 5 else b"") + mqtt_string(client)
    return mqtt_packet(0x10, body)


def mqtt_publish(topic, payload, packet=None, properties=None, retain=False):
    """PUBLISH at QoS 1 with a packet id, else at QoS 0. `properties` makes it one of MQTT 5."""
    if isinstance(payload, str):
        payload = payload.encode()
    body = mqtt_string(topic) + (struct.pack("!H", packet) if packet is not None else b"")
    if properties is not None:
        body += mqtt_size(len(properties)) + properties
    return mqtt_packet(0x30 | (2 if packet is not None else 0) | (1 if retain else 0), body + payload)


def mqtt_user_property(name, value):
    return b"\x26" + mqtt_string(name) + mqtt_string(value)
