"""The instruments: each measures one thing once and returns numbers.

SPDX-License-Identifier: ISC
"""

import json
import math
import os
import re
from collections import namedtuple

from lab import BROKER, NODELAY_PORT, LabError, listens, wait_for

IPERF_PORT = 5201
UDP_PORT = 5301
PATIENCE_SECONDS = 60  # beyond what a measurement should take
TICKS = os.sysconf("SC_CLK_TCK")
# What of a full packet of 1500 bytes is left for the user of TCP: IPv4, TCP, its time stamps.
PACKET = 1500
PAYLOAD = PACKET - 52

Flow = namedtuple("Flow", "mbit cpu_s_per_gb")  # the latter by "n1", "n2", "broker"
Times = namedtuple("Times", "sent ms")  # ms: of those that came back, sorted


def facts(text):
    """What our own programs print: lines of KEY=VALUE."""
    return {key: float(value) for key, value in re.findall(r"^(\w+)=([-\d.]+)$", text, re.M)}


def quantile(values, percent):
    """Of sorted values; by the nearest rank."""
    if not values:
        return math.inf
    return values[max(0, math.ceil(len(values) * percent / 100) - 1)]


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(process, key="VmRSS"):
    """VmRSS is what it takes now, VmHWM the most that it ever took."""
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as status:
        match = re.search(rf"^{key}:\s+(\d+) kB$", status.read(), re.M)
    return int(match[1]) * 1024 / 1e6


class TcpLoad:
    """iperf3 from n1 to n2, in the background."""

    def __init__(self, tunnel, seconds, flows=1, family=4):
        self.tunnel = tunnel
        self.seconds = seconds
        address = tunnel.address(2, family)
        lab = tunnel.lab
        self.server = lab.spawn("n2", "iperf-server", ["iperf3", "-s", "-1", "-B", address])
        wait_for(10, f"iperf3 -s in n2, {tunnel.name}",
                 lambda: self.server.check() or listens(self.server, IPERF_PORT))
        self.cpu = self.cpu_now()
        self.output = os.path.join(lab.directory, "iperf.json")
        if os.path.exists(self.output):
            os.unlink(self.output)
        self.client = lab.spawn("n1", "iperf-client", [
            "iperf3", "-c", address, "-t", str(seconds), "-P", str(flows), "-J",
            "--logfile", self.output])

    def cpu_now(self):
        return {role: cpu_seconds(process) for role, process in self.tunnel.processes().items()}

    def result(self):
        """Waits for the end."""
        try:
            wait_for(self.seconds + PATIENCE_SECONDS, f"{self.tunnel.name}: the end of iperf3",
                     self.client.ended)
            cpu = self.cpu_now()
        finally:
            self.client.stop()
            self.server.stop()
        with open(self.output, encoding="utf-8") as source:
            told = json.load(source)
        if "error" in told:
            raise LabError(f"{self.tunnel.name}: iperf3: {told['error']}")
        received = told["end"]["sum_received"]
        gigabytes = max(received["bytes"], 1) / 1e9
        return Flow(received["bits_per_second"] / 1e6,
                    {role: (cpu[role] - self.cpu[role]) / gigabytes for role in cpu})


def tcp(tunnel, seconds, flows=1, family=4):
    return TcpLoad(tunnel, seconds, flows, family).result()


def with_headers(mbit):
    """What full packets take at the level of IP, as the rate of a link is counted."""
    return mbit * PACKET / PAYLOAD


def ping(tunnel, count, interval):
    """Round trips from n1 to n2, in milliseconds."""
    text = tunnel.lab.run("n1", ["ping", "-n", "-c", str(count), "-i", str(interval), "-W", "3",
                                 tunnel.address(2)],
                          timeout=count * interval + PATIENCE_SECONDS, check=False)
    sent = re.search(r"^(\d+) packets transmitted", text, re.M)
    if sent is None:
        raise LabError(f"{tunnel.name}: ping says:\n{text[-1000:]}")
    return Times(int(sent[1]), sorted(float(t) for t in re.findall(r" time=([\d.]+) ms", text)))


class UdpLoad:
    """udp_rate from n1 to n2, in the background; rate: packets a second, or as many as one can."""

    def __init__(self, tunnel, size, seconds, rate=None):
        self.tunnel = tunnel
        self.seconds = seconds
        lab = tunnel.lab
        program = lab.config.helper("udp_rate")
        self.receiver = lab.spawn("n2", "udp-receiver", [
            program, "receive", str(UDP_PORT), "--seconds", str(seconds)])
        wait_for(10, "udp_rate receive",
                 lambda: self.receiver.check() or "ready=1\n" in self.receiver.log())
        # A second longer, or its end is measured as well.
        self.sender = lab.spawn("n1", "udp-sender", [
            program, "send", tunnel.address(2), str(UDP_PORT), "--size", str(size),
            "--seconds", str(seconds + 1)] + (["--rate", str(rate)] if rate else []))

    def result(self):
        """Waits for the end; returns the packets a second that arrived."""
        try:
            for process in (self.sender, self.receiver):
                wait_for(self.seconds + PATIENCE_SECONDS, f"{self.tunnel.name}: {process.name}",
                         process.ended)
        finally:
            self.sender.stop()
            self.receiver.stop()
        told = facts(self.receiver.log())
        if "packets_per_s" not in told:
            raise LabError(f"{self.tunnel.name}: udp_rate receive: {self.receiver.tail()}")
        return told["packets_per_s"]


def udp(tunnel, size, seconds):
    return UdpLoad(tunnel, size, seconds).result()


def aead_rates(lab, size):
    """Mbit a second of ChaCha20-Poly1305, by the name of the library."""
    text = lab.run(None, [lab.config.helper("aead")])
    rates = {f"aead {name}": float(rate) * 8
             for name, rate in re.findall(rf"^aead (\S+) {size} ([\d.]+)$", text, re.M)}
    if not rates:
        raise LabError(f"bench/aead says nothing of {size} bytes:\n{text}")
    return rates


def broker_rate(lab, size, seconds, where=("--broker", BROKER, "--port", str(NODELAY_PORT))):
    """Messages and Mbit a second that the broker passes on from n1 to n2; facts of mqtt_raw. With
    Nagle's algorithm the two would wait for each other now and then, and the ceiling be too low."""
    argv = [lab.config.helper("mqtt_raw"), "ceiling", *where, "--size", str(size), "--seconds",
            str(seconds), "--role"]
    publisher = lab.spawn("n1", "mqtt-pub", argv + ["pub"])
    try:
        return facts(lab.run("n2", argv + ["sub"], timeout=seconds + PATIENCE_SECONDS))
    finally:
        publisher.stop()


def broker_rtt(lab, count, interval):
    """Round trips of a message from n1 to n2 and back, nobody waiting for anything."""
    argv = [lab.config.helper("mqtt_raw"), "rtt", "--broker", BROKER, "--port", str(NODELAY_PORT),
            "--nodelay", "--role"]
    pong = lab.spawn("n2", "mqtt-pong", argv + ["pong"])
    try:
        text = lab.run("n1", argv + ["ping", "--count", str(count), "--interval-ms",
                                     str(interval * 1000), "--each"],
                       timeout=count * interval + PATIENCE_SECONDS)
    finally:
        pong.stop()
    times = sorted(float(us) / 1e3 for us in re.findall(r"^rtt_us=([\d.]+)$", text, re.M))
    return Times(int(facts(text)["sent"]), times)
