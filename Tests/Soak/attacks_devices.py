"""Attacks by devices: payloads that are costly to decode, names without end, readings of others, flapping values."""

import json

import wire
from attack import Attack, pace
from servers import VICTIMS


class CostlyPayloads(Attack):
    """Payloads of 256 KiB in the worst shapes of each convention: decoding costs what the bytes are worth."""

    family = "devices"

    def run(self):
        size = 256 << 10

        def repeat(member, opening="{", closing="}"):
            return opening + ",".join([member] * ((size - 2) // (len(member) + 1))) + closing

        def number(member, opening="{", closing="}"):
            count = size // (len(member.format(10_000)) + 1) - 1
            return opening + ",".join(member.format(index) for index in range(count)) + closing

        payloads = [
            ("sensors/costly", repeat('"value":1')),
            ("sensors/costly/temperature", repeat('"value":1')),
            ("sensors/costly", number('"m{}":1')),
            ("sensors/costly", repeat('{"value":1}', "[", "]")),
            ("sensors/costly", number('{{"bn":"d{}/","n":"t","v":1}}', "[", "]")),
            ("sensors/costly", number('{{"n":"t{}","v":1,"s":2}}', "[", "]")),
            ("sensors/costly", number('"d{}":[{{"t":1}}]')),
            ("sensors/costly", '{"a":' * 30 + repeat('"value":1') + "}" * 30),
            ("sensors/costly", "[" * size),
            ("sensors/costly", '"' + "\\u0001" * ((size - 2) // 6) + '"'),
            ("sensors/costly", "1" * size),
            ("tele/costly/SENSOR", number('"S{}":{{"Temperature":1}}')),
            ("tele/costly/SENSOR", repeat('"Time":"2026-01-01T00:00:00"')),
            ("zigbee2mqtt/costly", repeat('"last_seen":"2026-01-01T00:00:00Z"')),
            ("devices/costly/telemetry", number('{{"ts":{},"values":{{"t":1}}}}', "[", "]")),
        ]
        device = self.device()
        # The first shape is the one that was seen to stop ingest for a quarter of a minute: every other payload.
        for turn in pace(self.target.ingest_rate(4)):
            topic, payload = payloads[0] if turn % 2 == 0 else payloads[turn // 2 % len(payloads)]
            device.sendall(wire.mqtt_publish(topic, payload, packet=turn % 65_535 + 1))


class MetricSets(Attack):
    """30 devices with 64 sets of 256 metrics with long names: latest readings have a budget in bytes."""

    family = "devices"

    def run(self):
        device = self.device()
        sets = {}
        for turn in pace(self.target.ingest_rate(60)):
            number, chosen = turn % 30, turn // 30 % 64
            if (number, chosen) not in sets:
                sets = {}
                sets[number, chosen] = json.dumps(
                    {f"{'n' * 110}-{chosen}-{metric}"[:128]: 1 for metric in range(256)})
            device.sendall(wire.mqtt_publish(f"sensors/wide-{number}", sets[number, chosen]))


class UserProperties(Attack):
    """MQTT 5 packets of 300 and 500 KB of user properties: what is taken is counted and not all copied."""

    family = "devices"

    def run(self):
        device = self.device(version=5)
        # The first are about as large as a packet may be; the broker leaves the largest out.
        empty, most = (wire.mqtt_user_property("", "") * count for count in (62_000, 100_000))
        long = wire.mqtt_user_property("n" * 60_000, "v" * 60_000) * 2
        traces = wire.mqtt_user_property("traceparent", "00-" + "a" * 32 + "-" + "b" * 16 + "-01") * 4_000
        for turn in pace(12):
            properties = (empty, empty, most, long, traces)[turn % 5]
            device.sendall(wire.mqtt_publish("sensors/properties", '{"value":1}', properties=properties))


class Inventions(Attack):
    """Devices, rooms, metrics, units and topics that were never there before, and payloads that mean nothing."""

    family = "devices"

    def run(self):
        device = self.device()
        for turn in pace(200):
            name = f"{self.random.randrange(1 << 48):x}"
            topic, payload = [
                (f"sensors/invented-{name}", '{"t":1}'),
                (f"sensors/invented/{name}", "1"),
                ("sensors/inventor", f'{{"{name}":1}}'),
                ("sensors/inventor", f'{{"value":1,"unit":"{name}"}}'),
                (f"sensors/{name * 10}/{name * 10}", "garbage"),
                (f"tele/invented-{name}/LWT", "Online"),
                (f"sensors/invented-{name}/status", "offline"),
                (f"windsock/clock/invented-{name}/request", '{"id":"1","t0":1}'),
                ("sensors/inventor", self.random.randbytes(200)),
                ("sensors/inventor", '{"t":1e999,"u":-0,"ts":99999999999999}'),
                (f"zigbee2mqtt/invented-{name}", '{"a":{"b":{"c":{"d":1}}}}'),
                ("sensors/inventor", b"\0" * 300_000 if turn % 240 == 11 else b""),
            ][turn % 12]
            device.sendall(wire.mqtt_publish(topic, payload, retain=turn % 24 == 0))


class ForeignDevices(Attack):
    """Payloads that name an honest device on another one's topic: it must not speak for it."""

    family = "devices"

    def run(self):
        device = self.device()
        for turn in pace(20):
            victim = self.random.choice(self.target.devices)
            payload = [
                {victim: [{"temperature": 99}]},
                [{"bn": f"{victim}/", "n": "temperature", "v": 99}],
                [{"n": f"{victim}:temperature", "v": 99}],
                {"device": victim, "temperature": 99},
            ][turn % 4]
            topic = ("sensors/forger", "devices/forger/telemetry")[turn // 4 % 2]
            device.sendall(wire.mqtt_publish(topic, json.dumps(payload)))


class Flapping(Attack):
    """A value that crosses its limit 40 times a second: people's inboxes must not be filled with it."""

    family = "devices"

    def prepare(self):
        boss = wire.token("boss", join=["chat/#"], notify=True)
        self.key = f"important-{self.random.randrange(1 << 48):x}"
        self.status, _ = self.target.gateway.call(
            "POST", "/api/notifications", boss,
            {"user_ids": VICTIMS, "title": self.key, "priority": "critical"})

    def run(self):
        device = self.device()
        for turn in pace(40):
            device.sendall(wire.mqtt_publish(f"sensors/flapper-{turn // 2 % 2}", json.dumps({"flap": turn % 2 * 20})))

    def verify(self):
        """What was in the inbox before is still there."""
        if self.status != 201:
            return [f"a notification was answered {self.status}"]
        reasons = []
        status, body = self.target.gateway.get(
            "/api/notifications?limit=100", wire.token(VICTIMS[0], join=["chat/#"]))
        titles = [entry["title"] for entry in json.loads(body).get("notifications", [])]
        if status != 200 or self.key not in titles:
            reasons.append(f"{len(titles)} notifications of a flapping sensor pushed an important one out of an inbox")
        return reasons
