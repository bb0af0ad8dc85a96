"""The figures: kept, written as they come, and judged at the end.

SPDX-License-Identifier: ISC
"""

import csv
import os
import platform
import re
import statistics
import textwrap
import time
from collections import namedtuple

from parts import LOSSES, LOSSY_CONGESTION, ONE_FLOW, PEERS, RECEIVER, SENDER, SHORT_UDP, peers_name

OURS = "mqtt-vpnd psk"
DIRECT_RIVALS = ("tinc", "openvpn", "wireguard-go")

Row = namedtuple("Row", "part metric unit program setting pair round value")


class Results:
    """All that was measured. part and round are set by those who measure."""

    def __init__(self, path):
        self.part = ""
        self.round = 1
        self.rows = []
        self.failures = []
        self.file = open(path, "w", newline="", encoding="utf-8")  # until close()
        self.writer = csv.writer(self.file, lineterminator="\n")
        self.writer.writerow(Row._fields)

    def add(self, metric, unit, program, value, setting="", pair=""):
        row = Row(self.part, metric, unit, program, setting, pair, self.round, value)
        self.rows.append(row)
        self.writer.writerow(row[:-1] + (f"{value:.6g}",))
        self.file.flush()
        where = ", ".join(word for word in (setting, f"with {pair}" if pair else "") if word)
        print(f"  {self.round}: {program}: {metric}: {number(value)} {unit}"
              f"{f' ({where})' if where else ''}", flush=True)

    def fail(self, what, error):
        self.failures.append(f"{self.part}: {what}: {error}")
        print(f"  FAILED: {what}: {error}", flush=True)

    def close(self):
        self.file.close()

    def select(self, **wanted):
        return [row for row in self.rows
                if all(getattr(row, key) == value for key, value in wanted.items())]

    def values(self, **wanted):
        return [row.value for row in self.select(**wanted)]

    def ratios(self, ours, other):
        """Pair by pair: both are what select() takes; rows of one round belong together."""
        others = {row.round: row.value for row in self.select(**other)}
        return [row.value / others[row.round] for row in self.select(**ours)
                if others.get(row.round)]

    def pair_ratios(self, metric, other, part):
        """The same of what Bench.pair() measured of us and another."""
        return self.ratios({"metric": metric, "part": part, "program": OURS, "pair": other},
                           {"metric": metric, "part": part, "program": other, "pair": other})

    def programs(self, **wanted):
        """In the order in which they were first measured."""
        return list(dict.fromkeys(row.program for row in self.select(**wanted)))


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def spread(values):
    """Median with smallest and largest."""
    return (f"{number(statistics.median(values))} "
            f"({number(min(values))}..{number(max(values))})")


class Claim:
    """One line of what must be shown. least or most: the limit; aim: what would be better still;
    strict: every round must keep it, not just the median."""

    def __init__(self, point, what, values, least=None, most=None, aim=None, strict=False):
        self.point = point
        self.what = what
        self.values = values
        self.least, self.most, self.aim, self.strict = least, most, aim, strict

    def required(self):
        if self.least is None and self.most is None:
            return "for comparison"
        limit = f">= {self.least:g}" if self.least is not None else f"<= {self.most:g}"
        if self.strict:
            limit += " always"
        return limit + (f", aim {self.aim:g}" if self.aim is not None else "")

    def measured(self):
        return spread(self.values) if self.values else "not measured"

    def judged(self):
        """The value that counts: the worst of all rounds, or the median."""
        if not self.strict:
            return statistics.median(self.values)
        return min(self.values) if self.least is not None else max(self.values)

    def verdict(self):
        if not self.values or self.least is None and self.most is None:
            return "-"
        value = self.judged()
        if self.least is not None and self.aim is not None and value >= self.aim:
            return "yes, and the aim"
        met = value >= self.least if self.least is not None else value <= self.most
        return "yes" if met else "NO"

    def cells(self):
        return (self.point, self.what, self.measured(), self.required(), self.verdict())


HEADINGS = ("", "what", "median (min..max)", "required", "met")


def claims(results, commands):
    """Line by line what must be shown; commands: names of the programs of the command line."""
    return [*claims_tcp(results, commands), *claims_udp(results, commands),
            *claims_idle(results, commands), *claims_load(results), *claims_flood(results),
            *claims_peers(results), *claims_line(results)]


def claims_tcp(results, commands):
    yield Claim("1", "one TCP flow: share of the bound",
                results.values(metric="share of the bound"), least=0.8, aim=0.95)

    def ratios(other):
        return results.pair_ratios(ONE_FLOW, other, "throughput")

    for name in DIRECT_RIVALS:
        yield Claim("1", f"one TCP flow: times {name}", ratios(name), least=4, aim=6)
        yield Claim("1", f"one TCP flow: times {name} tuned", ratios(f"{name} tuned"))
    for name in commands:
        yield Claim("1", f"one TCP flow: times {name}", ratios(name), least=15)


def claims_udp(results, commands):
    def ratios(other):
        return results.pair_ratios(SHORT_UDP, other, "udp")

    for name in commands:
        yield Claim("2", f"64-byte UDP: times {name}", ratios(name), least=4)
    yield Claim("2", "64-byte UDP: times tinc", ratios("tinc"), least=3)
    yield Claim("2", "64-byte UDP: times the broker's messages", ratios("broker"), least=1,
                aim=1.5)


def claims_idle(results, commands):
    for quantile, limit in (("median", 1.5), ("p99", 2)):
        metric = f"idle RTT, {quantile}"
        yield Claim("3", f"{metric}: times raw MQTT",
                    results.pair_ratios(metric, "raw MQTT", "idle"), most=limit)
        for name in commands:
            yield Claim("3", f"{metric}: times {name}",
                        results.pair_ratios(metric, name, "idle"), most=1)


def claims_load(results):
    def values(metric, setting):
        return results.values(metric=f"RTT under load, {metric}", setting=setting, program=OURS)

    for mbit, limits in ((100, {"median": 30, "max": 60}), (10, {"max": 100})):
        for hop, short in ((SENDER, "to broker"), (RECEIVER, "to receiver")):
            setting, shown = f"{mbit} Mbit/s {hop}", f"{mbit} Mbit/s {short}"
            for metric, limit in limits.items():
                yield Claim("4", f"{shown}: RTT {metric}, ms", values(metric, setting),
                            most=limit, strict=metric == "max")
            yield Claim("4", f"{shown}: share of the rate",
                        values("share of the rate", setting), least=0.9)
    yield Claim("4", "unshaped: RTT median, ms", values("median", "unshaped"), most=5)
    yield Claim("4", "pings lost under load, %",
                results.values(metric="RTT under load, lost", program=OURS))


def claims_flood(results):
    yield Claim("5", "UDP flood: pings answered, %",
                results.values(metric="flood, pings answered"), least=90)
    yield Claim("5", "UDP flood: memory at most, MB",
                results.values(metric="flood, memory at most"), most=32, strict=True)


def claims_peers(results):
    def of(count):
        return {"part": "peers", "metric": ONE_FLOW, "program": peers_name(count)}

    for count in PEERS[1:]:
        yield Claim("6", f"one TCP flow: {count} peers against 1",
                    results.ratios(of(count), of(PEERS[0])), least=0.95)


def claims_line(results):
    for loss, least in zip(LOSSES, (0.9, 0.85)):
        setting = f"{loss} % loss"
        flow = {"metric": "long line, one flow", "setting": setting}
        plain = {**flow, "program": "no VPN"}
        yield Claim("8", f"long line, {setting}: share of plain TCP",
                    results.ratios({**flow, "program": OURS}, plain), least=least)
        yield Claim("8", f"long line, {setting}: the same, {LOSSY_CONGESTION}",
                    results.ratios({**flow, "program": f"{OURS}, {LOSSY_CONGESTION}"}, plain))
        yield Claim("8", f"long line, {setting}: RTT added, ms",
                    results.values(metric="long line, RTT added by load", setting=setting,
                                   program=OURS), most=50)


def summary(results):
    """One line for each thing measured: all its rounds, and the ratio of ours to another's."""
    groups = {}
    for row in results.rows:
        key = (row.part, row.metric, row.setting, row.unit, row.program)
        groups.setdefault(key, []).append(row.value)
    for (part, metric, setting, unit, program), values in groups.items():
        ratios = results.pair_ratios(metric, program, part)
        yield (part, ", ".join(word for word in (metric, setting) if word), program,
               f"{spread(values)} {unit}".rstrip(), spread(ratios) if ratios else "")


SUMMARY_HEADINGS = ("part", "what", "program", "median (min..max)", "ours to this, by pairs")


def aligned(headings, rows):
    """Columns of text."""
    lines = [headings, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
                     for line in lines)


def first_match(path, pattern):
    with open(path, encoding="utf-8") as source:
        match = re.search(pattern, source.read(), re.M)
    return match[1].strip() if match else "unknown"


def system():
    """What all figures depend on, one fact a line."""
    return [f"Date: {time.strftime('%Y-%m-%d')}",
            f"Kernel: {platform.system()} {platform.release()}",
            f"System: {platform.freedesktop_os_release().get('PRETTY_NAME', 'unknown')}",
            f"Processor: {first_match('/proc/cpuinfo', '^model name.*: (.*)$')}, "
            f"{os.cpu_count()} cores"]


def machine(config):
    """The same, with what bench/run has measured."""
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="utf-8") as source:
        default = source.read().strip()
    return [*system(),
            f"TCP congestion control: {config.congestion or default}",
            f"Rounds: {config.rounds}, of {config.seconds} s each",
            f"mqtt-vpnd: {config.our_version()}",
            f"mosquitto: {config.version('mosquitto')}",
            *(f"{name}: {config.version(name)}" for name in config.competitors)]


def write(directory, name, text):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as target:
        target.write(text)


def finish(results, config):
    """Prints the tables, and writes them and the text for README."""
    lines = list(claims(results, [name for name, _ in config.commands]))
    facts = machine(config)
    judged = [line.cells() for line in lines]
    text = "\n".join(["All that was measured", "", aligned(SUMMARY_HEADINGS, summary(results)), "",
                      "What must be shown", "", aligned(HEADINGS, judged), "", *facts])
    if results.failures:
        text += "\n\nFailures\n\n" + "\n".join(results.failures)
    print(f"\n{text}")
    write(config.output, "report.txt", text + "\n")
    shown = [cells[1:4] for cells, line in zip(judged, lines) if line.values]
    write(config.output, "README.part", "\n".join([
        *(f"    {line}" for line in aligned(HEADINGS[1:4], shown).splitlines()), "",
        textwrap.fill("; ".join(facts) + ".", 79), ""]))
