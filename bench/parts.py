"""The parts of the benchmark: what is measured, in which order.

Whatever is compared is measured in turns, in the same round, so that a noisy machine disturbs all
alike; and who begins changes from round to round. Each part has a lab of its own.

SPDX-License-Identifier: ISC
"""

import time

import measure
from lab import Lab, LabError
from tunnels import WIRES, Command, Direct, Forwarder, Vpnd

SIZES = (64, 1400, 16384, 65536)  # of messages, in bytes
LARGEST_MTU = 65000
UDP_HEADERS = 28
IDLE_INTERVAL = 0.01  # seconds between pings
LOAD_INTERVAL = 0.02
QUIET_INTERVAL = 0.2  # longer than the round trip of the long line
PAUSE = 2
FLOWS = 8
ONE_FLOW = "TCP, 1 flow, IPv4"
SHORT_UDP = "UDP, 64 bytes, delivered"
# How many times as long as others these measurements are: they need many pings, or a long start.
IDLE_TIMES, LOAD_TIMES, LINE_TIMES = 3, 3, 15
LONG_LINE = ("--rate", "20M", "--delay", "75", "--queue", "250000")
LOSSES = (0, 1)  # percent
LOSSY_CONGESTION = "bbr"  # what the manual recommends for a line with loss
FLOOD_MBIT = 100
FLOOD_TIMES = 3
FLOOD_SIZE = 1400
PEERS = (1, 10, 100, 1000)
SENDER = "node to broker"
RECEIVER = "broker to receiver"
SLOW_HOPS = {SENDER: ("n1", "up0"), RECEIVER: ("b", "to2")}
SHAPED_MBIT = (10, 100)


class Bench:
    """What all parts share."""

    def __init__(self, config, results, competitors):
        """competitors: classes."""
        self.config = config
        self.results = results
        self.competitors = competitors

    def rounds(self):
        for number in range(1, self.config.rounds + 1):
            self.results.round = number
            yield number

    def others(self, tuned):
        """New tunnels of all competitors, and the programs of the command line."""
        tunnels = [kind() for kind in self.competitors]
        if tuned:
            tunnels += [kind(tuned=True) for kind in self.competitors if kind.can_tune]
        return tunnels + self.commands()

    def commands(self):
        return [Command(name, command, index)
                for index, (name, command) in enumerate(self.config.commands)]

    def attempt(self, what, action, *words):
        """One failure, of whatever program, does not end the run; it is reported at its end."""
        try:
            return action(*words)
        except LabError as error:
            self.results.fail(what, error)
            return None

    def start(self, lab, tunnels):
        """Returns those that came up."""
        def begin(tunnel, number):
            tunnel.start(lab, number)
            return tunnel
        return [tunnel for number, tunnel in enumerate(tunnels, lab.next_number(len(tunnels)))
                if self.attempt(f"start of {tunnel.name}", begin, tunnel, number)]

    def pair(self, number, ours, other, action):
        """action(tunnel) returns {(metric, unit): value}. Both count, or none does."""
        order = (ours, other) if number % 2 else (other, ours)
        told = []
        for tunnel in order:
            measured = self.attempt(tunnel.name, action, tunnel)
            if measured is None:
                return
            told.append((tunnel, measured))
        for tunnel, measured in told:
            self.add_all(tunnel, measured, pair=other.name)

    def alone(self, tunnel, action, setting=""):
        measured = self.attempt(tunnel.name, action, tunnel)
        if measured is not None:
            self.add_all(tunnel, measured, setting=setting)

    def add_all(self, tunnel, measured, pair="", setting=""):
        for (metric, unit), value in measured.items():
            self.results.add(metric, unit, tunnel.name, value, setting=setting, pair=pair)


def tcp_name(flows, family):
    return f"TCP, {flows} flow{'s' if flows > 1 else ''}, IPv{family}"


def tcp_of(seconds, flows=1, family=4):
    """An action for Bench.pair() and Bench.alone()."""
    kind = tcp_name(flows, family)

    def action(tunnel):
        flow = measure.tcp(tunnel, seconds, flows, family)
        told = {(kind, "Mbit/s"): flow.mbit}
        if kind == ONE_FLOW:
            for role, cost in flow.cpu_s_per_gb.items():
                told[f"CPU of {role}", "s/GB"] = cost
            told["CPU of all", "s/GB"] = sum(flow.cpu_s_per_gb.values())
        return told
    return action


def ceiling(bench):
    """What the broker, the TUN devices and the cipher allow, and how much of that we reach."""
    with Lab(bench.config) as lab:
        ours, forwarder = Vpnd("psk"), Forwarder()
        large = Vpnd("psk", mtu=LARGEST_MTU, name=f"mqtt-vpnd psk, MTU {LARGEST_MTU}")
        up = bench.start(lab, [ours, forwarder, large])
        for _ in bench.rounds():
            if ours in up and forwarder in up:
                bench.attempt("bound", bound_round, bench, ours, forwarder)
            if large in up:
                bench.attempt("sizes", sizes_round, bench, large)


def bound_round(bench, ours, forwarder):
    seconds, add = bench.config.seconds, bench.results.add
    rates = {}
    for size in SIZES:
        told = measure.broker_rate(ours.lab, size, seconds)
        rates[size] = told["mbit_per_s"]
        add("by size", "Mbit/s", "broker", told["mbit_per_s"], setting=f"{size} bytes")
        add("messages by size", "1/s", "broker", told["messages_per_s"], setting=f"{size} bytes")
    tun = measure.tcp(forwarder, seconds).mbit
    ciphers = measure.aead_rates(ours.lab, SIZES[-1])
    mine = measure.tcp(ours, seconds).mbit
    best = max(ciphers.values())
    limit = 1 / (1 / rates[SIZES[-1]] + 1 / tun + 2 / best)
    add(ONE_FLOW, "Mbit/s", forwarder.name, tun)
    for name, rate in ciphers.items():
        add("sealing", "Mbit/s", name, rate, setting=f"{SIZES[-1]} bytes")
    add(ONE_FLOW, "Mbit/s", ours.name, mine)
    add("bound", "Mbit/s", "1/(1/broker + 1/tun + 2/aead)", limit)
    add("share of the bound", "", ours.name, mine / limit)


def sizes_round(bench, tunnel):
    """Packets of the sizes that the broker's messages had, as far as packets go."""
    for size in SIZES:
        payload = min(size, LARGEST_MTU - UDP_HEADERS)
        rate = measure.udp(tunnel, payload, bench.config.seconds)
        bench.results.add("by size", "Mbit/s", tunnel.name, rate * payload * 8 / 1e6,
                          setting=f"{size} bytes")


def throughput(bench):
    """TCP through each, with what it costs in processor time and memory."""
    seconds = bench.config.seconds
    with Lab(bench.config, direct=True) as lab:
        wires = bench.start(lab, [Vpnd(wire) for wire in WIRES])
        direct = bench.start(lab, [Direct()])
        others = bench.start(lab, bench.others(tuned=True))
        ours = wires[0]
        for number in bench.rounds():
            for tunnel in direct:
                bench.alone(tunnel, tcp_of(seconds))
            for tunnel in wires:
                for flows in (1, FLOWS):
                    for family in (4, 6) if lab.ipv6 else (4,):
                        bench.alone(tunnel, tcp_of(seconds, flows, family))
            for other in others:
                bench.pair(number, ours, other, tcp_of(seconds))
                if not getattr(other, "tuned", False):
                    bench.pair(number, ours, other, tcp_of(seconds, FLOWS))
        for tunnel in wires + others:
            bench.attempt(f"memory of {tunnel.name}", memory_after, bench, tunnel)


def memory_after(bench, tunnel):
    for daemon in tunnel.daemons:
        daemon.check()
        bench.results.add("memory at most", "MB", tunnel.name,
                          measure.memory_mb(daemon, "VmHWM"), setting=daemon.name[-2:])


def udp(bench):
    """Packets of 64 bytes of payload that arrive, against the broker's own messages."""
    seconds = bench.config.seconds

    def action(tunnel):
        return {(SHORT_UDP, "1/s"): measure.udp(tunnel, 64, seconds)}

    with Lab(bench.config, direct=True) as lab:
        wires = bench.start(lab, [Vpnd(wire) for wire in WIRES])
        others = bench.start(lab, bench.others(tuned=False)) + [BrokerAlone(lab, seconds)]
        for number in bench.rounds():
            for tunnel in wires[1:]:
                bench.alone(tunnel, action)
            for other in others:
                bench.pair(number, wires[0], other,
                           lambda tunnel: getattr(tunnel, "action", action)(tunnel))


class BrokerAlone:
    """Stands where a tunnel stands, to be measured in turns with one."""

    name = "broker"

    def __init__(self, lab, seconds):
        self.lab = lab
        self.seconds = seconds

    def action(self, _):
        told = measure.broker_rate(self.lab, 64, self.seconds)
        return {(SHORT_UDP, "1/s"): told["messages_per_s"]}


def quantiles(times):
    told = {(f"idle RTT, {name}", "ms"): measure.quantile(times.ms, percent)
            for name, percent in (("median", 50), ("p90", 90), ("p99", 99))}
    told["idle RTT, lost", "%"] = 100 * (1 - len(times.ms) / times.sent)
    return told


class BrokerRoundTrip(BrokerAlone):
    name = "raw MQTT"

    def action(self, _):
        return quantiles(measure.broker_rtt(self.lab, pings_in(self.seconds, IDLE_INTERVAL),
                                            IDLE_INTERVAL))


def pings_in(seconds, interval):
    return max(10, round(seconds / interval))


def idle(bench):
    """A ping through a broker with its default settings, against messages without any delay."""
    seconds = IDLE_TIMES * bench.config.seconds
    count = pings_in(seconds, IDLE_INTERVAL)

    def action(tunnel):
        return quantiles(measure.ping(tunnel, count, IDLE_INTERVAL))

    with Lab(bench.config) as lab:
        wires = bench.start(lab, [Vpnd(wire) for wire in WIRES])
        others = bench.start(lab, bench.commands())
        for number in bench.rounds():
            for tunnel in wires[1:]:
                bench.alone(tunnel, action)
            for other in [BrokerRoundTrip(lab, seconds)] + others:
                bench.pair(number, wires[0], other,
                           lambda tunnel: getattr(tunnel, "action", action)(tunnel))


def under_load(tunnel, seconds, flows, interval):
    """The ping counts from the first moment of the flows."""
    flow = measure.TcpLoad(tunnel, seconds, flows)
    try:
        times = measure.ping(tunnel, pings_in(seconds, interval), interval)
    finally:
        told = flow.result()
    return told, times


def load(bench):
    """Eight flows and a ping, where a hop is slow and where none is."""
    config = bench.config
    with Lab(config) as lab:
        ours = bench.start(lab, [Vpnd("psk")])
        others = bench.start(lab, bench.others(tuned=False))
        for number in bench.rounds():
            # Nothing is divided by what the others do here: one look at them is enough.
            for tunnel in ours + (others if number == 1 else []):
                for hop, (host, dev) in SLOW_HOPS.items():
                    for mbit in SHAPED_MBIT:
                        # No line gets slower by a factor of hundreds under load.
                        time.sleep(PAUSE)
                        lab.shape(host, dev, mbit)
                        bench.alone(tunnel, load_of(LOAD_TIMES * config.seconds, mbit),
                                    setting=f"{mbit} Mbit/s {hop}")
                        lab.unshape(host, dev)
                        bench.attempt(f"{tunnel.name} after the load", tunnel.settle)
                bench.alone(tunnel, load_of(LOAD_TIMES * config.seconds, None), setting="unshaped")


def load_of(seconds, mbit):
    def action(tunnel):
        flow, times = under_load(tunnel, seconds, FLOWS, LOAD_INTERVAL)
        told = {("RTT under load, median", "ms"): measure.quantile(times.ms, 50),
                ("RTT under load, max", "ms"): measure.quantile(times.ms, 100),
                ("RTT under load, lost", "%"): 100 * (1 - len(times.ms) / times.sent),
                ("RTT under load, goodput", "Mbit/s"): flow.mbit}
        if mbit:
            told["RTT under load, share of the rate", ""] = measure.with_headers(flow.mbit) / mbit
        return told
    return action


def line(bench):
    """20 Mbit/s and 150 ms there and back, between one node and the broker."""
    for loss in LOSSES:
        with Lab(bench.config, line=[*LONG_LINE, "--loss", str(loss)]) as lab:
            ours = bench.start(lab, [Vpnd("psk"), Vpnd("psk", congestion=LOSSY_CONGESTION)])
            direct = bench.start(lab, [Direct()])
            others = bench.start(lab, bench.others(tuned=False))
            setting = f"{loss} % loss"
            for number in bench.rounds():
                order = ours + direct if number % 2 else direct + ours
                for tunnel in order + (others if number == 1 else []):
                    bench.alone(tunnel, line_of(LINE_TIMES * bench.config.seconds), setting=setting)
                    bench.attempt(f"{tunnel.name} after the load", tunnel.settle)


def line_of(seconds):
    def action(tunnel):
        # One at a time: the broker's Nagle holds one back until the one before it was confirmed.
        before = measure.ping(tunnel, 10, QUIET_INTERVAL)
        flow, times = under_load(tunnel, seconds, 1, 2 * LOAD_INTERVAL)
        quiet, busy = measure.quantile(before.ms, 50), measure.quantile(times.ms, 50)
        return {("long line, one flow", "Mbit/s"): flow.mbit,
                ("long line, idle RTT", "ms"): quiet,
                ("long line, RTT under load", "ms"): busy,
                ("long line, RTT added by load", "ms"): busy - quiet}
    return action


def flood(bench):
    """UDP at three times what the link takes: does a ping pass, does memory stay?"""
    with Lab(bench.config) as lab:
        for tunnel in bench.start(lab, [Vpnd("psk")]):
            for _ in bench.rounds():
                for hop, (host, dev) in SLOW_HOPS.items():
                    lab.shape(host, dev, FLOOD_MBIT)
                    bench.alone(tunnel, flood_of(bench.config.seconds),
                                setting=f"{FLOOD_MBIT} Mbit/s {hop}")
                    lab.unshape(host, dev)
                    bench.attempt(f"{tunnel.name} after the flood", tunnel.settle)


def flood_of(seconds):
    rate = FLOOD_TIMES * FLOOD_MBIT * 1e6 / 8 / (FLOOD_SIZE + UDP_HEADERS)

    def action(tunnel):
        flooding = measure.UdpLoad(tunnel, FLOOD_SIZE, seconds, round(rate))
        try:
            times = measure.ping(tunnel, pings_in(seconds, LOAD_INTERVAL), LOAD_INTERVAL)
        finally:
            delivered = flooding.result()
        return {("flood, pings answered", "%"): 100 * len(times.ms) / times.sent,
                ("flood, RTT median", "ms"): measure.quantile(times.ms, 50),
                ("flood, delivered", "1/s"): delivered,
                ("flood, memory at most", "MB"):
                    max(measure.memory_mb(daemon, "VmHWM") for daemon in tunnel.daemons)}
    return action


def peers_name(count):
    return f"{count} peer{'s' if count > 1 else ''}"


def peers(bench):
    """One flow to one peer, while others are configured and never there."""
    with Lab(bench.config) as lab:
        tunnels = bench.start(lab, [Vpnd("pubkey", idle_peers=count - 1, name=peers_name(count))
                                    for count in PEERS])
        for number in bench.rounds():
            shift = number % max(1, len(tunnels))
            for tunnel in tunnels[shift:] + tunnels[:shift]:
                bench.alone(tunnel, tcp_of(bench.config.seconds))


PARTS = {part.__name__: part
         for part in (ceiling, throughput, udp, idle, load, line, flood, peers)}
