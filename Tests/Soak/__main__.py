#!/usr/bin/env python3
"""Hostile clients and devices beside honest ones, against a real gateway and a real broker on loopback.

    python3 Tests/Soak --binary .build/release/windsock [--seconds 600] [--only NAME[,NAME]] [--list]

A quiet time gives the measure, then come the attacks, then a recovery. Honest clients lose nothing and stay in order, the
gateway's memory grows by no more than is allowed, and descriptors and threads come back to where they were.

From 300 seconds on each attack runs alone, after a warm-up in which they fill the bounded caches, by families and all together; p99 and
memory at the end are judged as well, and in the end all attacks run together. In shorter runs attacks run by families, and
not all together: that keeps two cores so busy in a debug build that honest clients wait for the machine.

The exit status is 0 when all was as promised, 1 when it was not, 69 when something is missing.
"""

import argparse
import multiprocessing
import random
import signal
import socket
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

import attacks_commands  # noqa: E402, F401
import attacks_connections  # noqa: E402, F401
import attacks_devices  # noqa: E402, F401
import attacks_output  # noqa: E402, F401
import attacks_parsing  # noqa: E402, F401
import attacks_requests  # noqa: E402, F401
import honest  # noqa: E402
import judge  # noqa: E402
import servers  # noqa: E402
import wire  # noqa: E402
from attack import ATTACKS, Target  # noqa: E402

# From here on each attack runs alone, and times are judged.
LONG = 300
# Begins the names of the phases before the measure is taken.
WARM_UP = "warm-up:"
# Seconds in which honest traffic must flow again after an attack, or a new gateway takes over.
RECOVERY = 25
# Devices beside the honest ones, so that what grows with their number shows; fewer where no times are judged, because a
# debug build takes ten times as long for each.
CROWD, SMALL_CROWD = 5000, 1000


class World:
    """A broker, a gateway and its honest clients. One that was brought down is replaced by another one."""

    generation = 0

    def __init__(self, options):
        World.generation += 1
        binary = options.binary
        self.folder = servers.Folder()
        self.broker = self.gateway = self.honest = None
        try:
            self.broker = servers.Broker(self.folder.path)
            self.gateway = servers.Gateway(binary, self.folder.path, self.broker, rooms=True)
            self.pipe, other_end = multiprocessing.Pipe()
            self.honest = multiprocessing.get_context("fork").Process(
                target=honest.run, args=(other_end, self.gateway.port, self.broker.port, World.generation), daemon=True)
            self.honest.start()
            other_end.close()
            devices = [f"honest{World.generation}-{number}" for number in range(1, 21)]
            self.target = Target(self.gateway, self.broker, self.folder.path, binary, options.seed, devices,
                                 is_debug=not options.times)
            self.make_crowd(CROWD if options.times else SMALL_CROWD)
            self.wait_until_calm()
        except BaseException:
            self.stop()
            raise

    def make_crowd(self, count):
        """Devices that have reported once, so that what grows with their number shows."""
        with socket.create_connection(("127.0.0.1", self.broker.port), 10) as device:
            device.sendall(wire.mqtt_connect("crowd"))
            device.recv(4)
            for number in range(count):
                device.sendall(wire.mqtt_publish(f"sensors/crowd-{number}", '{"temperature":20.5,"humidity":40}'))
            device.sendall(b"\xe0\0")
        last = f"crowd-{count - 1}"
        bearer = wire.token("builder", join=[f"sensors/{last}"])
        deadline = time.monotonic() + 60
        while last.encode() not in self.gateway.get("/api/devices", bearer)[1]:
            if time.monotonic() > deadline:
                raise servers.Unavailable("the crowd's readings did not arrive within a minute")
            time.sleep(0.2)

    def wait_until_calm(self):
        """Takes reports until what the crowd has caused is over. Failures are kept for the first phase."""
        self.early_failures = []
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.pipe.poll(1):
                report = self.pipe.recv()
                self.early_failures += report.failures
                if report.readings and max(report.readings) < 1000 or report.finished:
                    return
        raise servers.Unavailable("honest readings do not arrive within a second, though nobody attacks")

    def stop(self):
        if self.honest and self.honest.is_alive():
            self.honest.kill()
            self.honest.join()
        for server in (self.gateway, self.broker):
            if server:
                server.stop()
        self.folder.remove()


class Soak:
    def __init__(self, options):
        self.options = options
        self.phases = []
        self.quiet = self.start = self.end = None
        self.is_long = options.seconds >= LONG
        self.world = World(options)

    # One phase

    def run(self, name, attacks, seconds, rest=1.0):
        """Lets attacks run for some time beside the honest side, and measures."""
        phase = judge.Phase(name, attacks)
        self.phases.append(phase)
        world, gateway = self.world, self.world.gateway
        phase.failures += world.early_failures
        world.early_failures = []
        running = [ATTACKS[attack](world.target) for attack in attacks]
        prepared = []
        try:
            for attack in running:
                prepared.append(attack)
                attack.prepare()
            gateway.reset_peak()
            phase.before = gateway.usage()
            phase.started = time.monotonic()
            for attack in running:
                attack.start()
            self.observe(phase, phase.started + seconds)
            phase.seconds = time.monotonic() - phase.started
            if not gateway.end():
                for attack in running:
                    self.verify(phase, attack)
        except (OSError, servers.Unavailable) as error:
            phase.failures.append(f"the attack could not be prepared: {error!r}")
        finally:
            for attack in prepared:
                if hasattr(attack, "process"):
                    phase.failures += [f"{attack.name()}: {reason}" for reason in attack.stop()]
                attack.clean()
        self.settle(phase, rest)
        phase.judge(self.quiet, self.options.times)
        print(judge.line(phase.row()), flush=True)
        if phase.failures:
            print(judge.reasons(phase.failures), flush=True)
        return phase

    def verify(self, phase, attack):
        try:
            phase.failures += [f"{attack.name()}: {reason}" for reason in attack.verify()]
        except (OSError, ValueError) as error:
            phase.failures.append(f"{attack.name()}: its effect could not be checked: {error!r}")

    def observe(self, phase, until):
        """Takes reports and samples until then, or until the gateway ends."""
        while time.monotonic() < until and not self.world.gateway.end():
            if self.world.pipe.poll(0.25):
                try:
                    phase.add(time.monotonic(), self.world.pipe.recv())
                except EOFError:
                    phase.failures.append("the honest side has ended")
                    time.sleep(1)
            usage = self.world.gateway.usage()
            if usage:
                phase.peak = max(phase.peak, usage.peak, usage.resident)
                phase.after = usage
                if phase.before:
                    phase.cpu = (usage.cpu - phase.before.cpu) / max(time.monotonic() - phase.started, 0.1)

    def settle(self, phase, rest):
        """Waits until honest readings flow again; replaces a gateway that does not come back."""
        rested = judge.Phase(phase.name, [])
        rested.started = time.monotonic()
        deadline = rested.started + RECOVERY
        self.observe(rested, rested.started + rest)
        while not self.world.gateway.end() and time.monotonic() < deadline:
            if rested.samples and rested.samples[-1][1] and max(rested.samples[-1][1]) < 2000:
                break
            self.observe(rested, time.monotonic() + 0.5)
        else:
            end = self.world.gateway.end()
            why = f"the gateway {end}: {self.world.gateway.last_lines()}" if end else (
                f"honest readings did not flow again within {RECOVERY} s")
            phase.failures.append(why)
            self.replace()
        phase.failures += rested.failures
        phase.chat, phase.http, phase.late = rested.chat + phase.chat, rested.http + phase.http, rested.readings
        phase.peak = max(phase.peak, rested.peak)
        phase.after = rested.after or phase.after

    def replace(self):
        self.world.stop()
        self.world = World(self.options)
        self.start = None

    # The whole run

    def go(self):
        options, seconds = self.options, self.options.seconds
        chosen = options.only or list(ATTACKS)
        quiet, recovery = max(10, seconds * 0.15), max(8, seconds * 0.08)
        rest = seconds - quiet - recovery
        print(judge.line(judge.HEAD), flush=True)
        if self.is_long:
            # What is bounded is filled once before the measure is taken.
            warm_up = min(120, rest * 0.25)
            families = self.families(chosen)
            for family, attacks in families:
                self.run(f"{WARM_UP} {family}", attacks, warm_up / 2 / len(families), rest=2)
            self.run(f"{WARM_UP} all", chosen, warm_up / 2, rest=5)
            rest -= warm_up
        self.quiet = self.run("quiet", [], quiet)
        self.start = self.world.gateway.usage()
        self.attack(chosen, rest)
        self.recover(recovery)
        return self.report()

    @staticmethod
    def families(chosen):
        """The families of these attacks, each with its attacks."""
        families = dict.fromkeys(ATTACKS[name].family for name in chosen)
        return [(family, [name for name in chosen if ATTACKS[name].family == family]) for family in families]

    def attack(self, chosen, seconds):
        if self.is_long or self.options.only:
            turns = [(name, [name]) for name in chosen]
        else:
            turns = self.families(chosen)
        together = seconds * 0.2 if self.is_long and len(turns) > 1 else 0
        for name, attacks in turns:
            self.run(name, attacks, (seconds - together) / len(turns) - 1)
        if together:
            self.run("all together", chosen, together - 1)

    def recover(self, seconds):
        """Waits for sockets and queues to go, then lets the honest side count."""
        phase = judge.Phase("recovery", [])
        self.phases.append(phase)
        world = self.world
        world.gateway.reset_peak()
        phase.before, phase.started = world.gateway.usage(), time.monotonic()
        self.observe(phase, phase.started + seconds)
        # Timeouts of sockets and idle threads take a while more.
        while (self.start and time.monotonic() < phase.started + seconds + RECOVERY and not world.gateway.end()
               and judge.returned(self.start, world.gateway.usage(), self.is_long)):
            self.observe(phase, time.monotonic() + 1)
        phase.seconds = time.monotonic() - phase.started
        self.end = world.gateway.usage()
        world.pipe.send("finish")
        deadline = time.monotonic() + 4 * honest.PATIENCE
        while time.monotonic() < deadline:
            if world.pipe.poll(0.5):
                report = world.pipe.recv()
                phase.add(time.monotonic(), report)
                if report.finished:
                    break
        else:
            phase.failures.append("the honest side did not finish")
        phase.judge(self.quiet, self.options.times)
        print(judge.line(phase.row()), flush=True)
        if phase.failures:
            print(judge.reasons(phase.failures), flush=True)

    def report(self):
        print()
        attacked = [phase for phase in self.phases if phase.attacks and not phase.name.startswith(WARM_UP)]
        text, within = judge.hostile(attacked, self.quiet)
        print(text + ("" if self.options.times else " (not judged)"))
        failed = [phase.name for phase in self.phases if phase.failures]
        if self.options.times and not within:
            failed.append("p99")
        if self.start and self.end:
            print(f"at the start {self.start}; at the end {self.end}")
            grown = judge.returned(self.start, self.end, self.is_long)
            if grown:
                print("not as at the start: " + "; ".join(grown))
                failed.append("return")
        print(f"soak: {'FAILED: ' + ', '.join(failed) if failed else 'passed'} (seed {self.options.seed})")
        return 1 if failed else 0


def arguments():
    parser = argparse.ArgumentParser(prog="soak", description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=servers.ROOT / ".build/release/windsock", help="the gateway")
    parser.add_argument("--seconds", type=float, default=600, help="length of the whole run (default 600, at least 40)")
    parser.add_argument("--only", type=lambda text: text.split(","), help="attacks, comma-separated")
    parser.add_argument("--list", action="store_true", help="list the attacks and end")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of the attacks' random choices")
    parser.add_argument("--no-times", dest="times", action="store_false", help="print latencies without judging them")
    options = parser.parse_args()
    for name in options.only or []:
        if name not in ATTACKS:
            parser.error(f"there is no attack \"{name}\"; there are {', '.join(ATTACKS)}")
    if options.seconds < 40:
        parser.error(f"--seconds {options.seconds:g} is too short; at least 40 are needed")
    if options.seconds < LONG:
        # Few windows say nothing.
        options.times = options.times and bool(options.only)
    return options


class Overdue(BaseException):
    """The run has taken far longer than it should. No handler of errors may take it for one of a socket."""


def overdue(*_):
    raise Overdue("the run took much longer than it should")


def main():
    options = arguments()
    if options.list:
        for name, attack in ATTACKS.items():
            print(f"{name:<18}{attack.family:<13}{attack.__doc__}")
        return 0
    options.binary = options.binary.resolve()
    if not options.binary.exists():
        print(f"soak: {options.binary} is not there; build it first", file=sys.stderr)
        return 69
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    signal.signal(signal.SIGALRM, overdue)
    signal.alarm(int(options.seconds * 2) + 300)
    print(f"soak: {options.binary}, {options.seconds:g} s, seed {options.seed}", flush=True)
    soak = None
    try:
        soak = Soak(options)
        return soak.go()
    except servers.Unavailable as error:
        print(f"soak: {error}", file=sys.stderr)
        return 69
    except Overdue as error:
        print(f"soak: FAILED: {error}", file=sys.stderr)
        return 1
    finally:
        signal.alarm(0)
        if soak:
            soak.world.stop()


if __name__ == "__main__":
    sys.exit(main())
