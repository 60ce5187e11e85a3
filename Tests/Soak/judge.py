"""What a phase has shown, what is allowed, and the table in which both are printed."""

import re
import statistics
import textwrap
import time

from servers import MIB

# What the gateway's resident memory may grow by at its peak: for one attack, and for several at once, which may each
# fill what they are allowed.
GROWTH, GROWTH_TOGETHER = 64 * MIB, 128 * MIB
# What it may have at any time, in a release build: everything that is bounded is full then, and some in use.
RESIDENT = 384 * MIB
# The longest that a reading or a chat message, and that an answer may take: longer is a stall, even on a busy machine.
STALL_MS, ANSWER_STALL_MS = 10_000, 20_000
# p99 of readings in the whole hostile time: twice the quiet one, or so many milliseconds more where that is more,
# because a quiet p99 of few milliseconds is within the scheduler's noise. For one attack alone there are few windows.
FACTOR, SLACK_MS, ALONE_MS = 2, 5, 50
# At the end against the start: ten per cent, or what pools of threads and of database readers vary by where that is more.
# They fill on demand: without a warm-up they count in full.
SHARE, MEMORY_SLACK, COUNT_SLACK, COUNT_SLACK_COLD = 1.10, 8 * MIB, 3, 12
# Seconds of a window, of which each has a p99; the median of the windows' is what counts.
WINDOW = 3


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


class Phase:
    """A time in which certain attacks ran, with what was measured in it."""

    def __init__(self, name, attacks):
        self.name, self.attacks = name, attacks
        # Reports with their times; latencies in milliseconds; readings that came in the rest after the attack.
        self.samples, self.chat, self.http, self.late = [], [], [], []
        self.failures = []
        self.before = self.after = None
        self.peak = self.seconds = self.cpu = 0
        self.started = time.monotonic()

    def add(self, at, report):
        """A report of the honest side that came at a time."""
        self.samples.append((at, report.readings))
        self.chat += report.chat
        self.http += report.http
        self.failures += report.failures

    @property
    def readings(self):
        return [value for _, values in self.samples for value in values]

    def deliveries(self):
        """The slowest reading and chat message in milliseconds, each with a name."""
        return [(max(self.readings + self.late, default=0), "a reading"), (max(self.chat, default=0), "a chat message")]

    def windows(self):
        """The p99 of each window of readings."""
        if not self.samples:
            return []
        start, windows = self.samples[0][0], {}
        for at, values in self.samples:
            windows.setdefault(int((at - start) / WINDOW), []).extend(values)
        return [percentile(values, 0.99) for values in windows.values() if len(values) >= 100]

    def p99(self):
        windows = self.windows()
        return statistics.median(windows) if windows else None

    @property
    def growth(self):
        return max(0, self.peak - self.before.resident) if self.before else 0

    def judge(self, quiet, times):
        """Adds to the failures what is beyond the limits."""
        allowed = GROWTH_TOGETHER if len(self.attacks) > 1 else GROWTH
        if self.growth > allowed:
            self.failures.append(f"memory grew by {self.growth / MIB:.0f} MiB; allowed: {allowed / MIB:.0f}")
        if times and self.peak > RESIDENT:
            self.failures.append(f"memory was {self.peak / MIB:.0f} MiB; allowed: {RESIDENT / MIB:.0f}")
        answers = self.http or [(0, "")]
        for (slowest, what), limit in ((max(self.deliveries()), STALL_MS), (max(answers), ANSWER_STALL_MS)):
            if slowest > limit:
                self.failures.append(f"{what} took {slowest / 1000:.1f} s; allowed: {limit / 1000:.0f} s")
        if self.seconds and not self.readings:
            self.failures.append("no reading arrived")
        p99, quiet_p99 = self.p99(), quiet and quiet.p99()
        if times and p99 and quiet_p99 and len(self.attacks) == 1:
            limit = max(quiet_p99 * FACTOR, ALONE_MS)
            if p99 > limit:
                self.failures.append(f"p99 of readings was {p99:.1f} ms; allowed: {limit:.1f}")

    def row(self):
        readings = self.readings
        worst = max(self.deliveries() + self.http)[0]

        def ms(value):
            return "–" if value is None else f"{value:.1f}"

        return [
            self.name, f"{self.seconds:.0f}",
            f"{(self.after.resident - self.before.resident) / MIB:+.0f}" if self.after and self.before else "–",
            f"{self.growth / MIB:+.0f}" if self.before else "–", f"{self.cpu * 100:.0f}" if self.seconds else "–",
            ms(percentile(readings, 0.5) if readings else None), ms(self.p99()), f"{worst:.0f}",
            "ok" if not self.failures else "FAILED"]


HEAD = ["phase", "s", "memory", "peak", "CPU %", "p50 ms", "p99 ms", "worst", ""]


def line(cells):
    return f"{cells[0]:<22}" + "".join(f"{cell:>8}" for cell in cells[1:])


def reasons(failures, limit=6):
    """The different failures, each on a line of its own; those that differ in numbers alone are shown once."""
    different = list({re.sub(r"\d+", "#", failure): failure for failure in reversed(failures)}.values())[::-1]
    shown = [textwrap.fill(failure, 116, initial_indent="    ", subsequent_indent="      ")
             for failure in different[:limit]]
    if len(different) > limit:
        shown.append(f"    and {len(different) - limit} more")
    return "\n".join(shown)


def hostile(phases, quiet):
    """Judges p99 over all phases with attacks; returns a text and whether it is within the limit."""
    windows = [value for phase in phases for value in phase.windows()]
    quiet_p99 = quiet and quiet.p99()
    if not windows or not quiet_p99:
        return "p99 of readings: not enough of them", False
    p99 = statistics.median(windows)
    limit = max(quiet_p99 * FACTOR, quiet_p99 + SLACK_MS)
    return (f"p99 of readings: {quiet_p99:.1f} ms quiet, {p99:.1f} ms under attack (median of {len(windows)} windows of "
            f"{WINDOW} s); allowed: {limit:.1f} ms"), p99 <= limit


def returned(start, end, warm):
    """What has not come back to where it was at the start, within a tenth. `warm`: the start came after a warm-up."""
    grown = []
    if warm and end.resident > max(start.resident * SHARE, start.resident + MEMORY_SLACK):
        grown.append(f"memory: {start.resident / MIB:.0f} MiB at the start, {end.resident / MIB:.0f} at the end")
    slack = COUNT_SLACK if warm else COUNT_SLACK_COLD
    for what, before, after in (("descriptors", start.descriptors, end.descriptors),
                                ("threads", start.threads, end.threads)):
        if after > max(before * SHARE, before + slack):
            grown.append(f"{what}: {before} at the start, {after} at the end")
    return grown
