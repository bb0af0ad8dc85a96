"""Hosts in network namespaces, the links between them, a broker, and the processes that run there.

Namespace b holds the broker (10.99.0.1 and fd99::1, on lo). The hosts n1 and n2 have a link to it
each: up0 there with 10.99.N.2, and toN in b with 10.99.N.1; b routes between them. Two more ways:

  direct   a link of their own between n1 and n2, d0 with 10.98.0.N: what the competitors use, so
           that nothing but themselves stands between the hosts
  line     the link between n1 and b leads through namespace l, where bench/line passes the frames
           on, late, slowly and with loss; nobody has offloads then, as on a real line

SPDX-License-Identifier: ISC
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

BROKER = "10.99.0.1"
BROKER_PORT = 1883  # mosquitto with its default settings, so Nagle's algorithm is on
NODELAY_PORT = 1884  # another one, with set_tcp_nodelay true
OFFLOADS = ("rx", "tx", "sg", "tso", "gso", "gro")
STOP_SECONDS = 3
POLL_SECONDS = 0.05


class LabError(Exception):
    """What was tried, what happened, and what the programs said."""


def on_signals(handler):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def catch_signals():
    """They end the run like any failure: through all that cleans up."""
    def leave(number, _):
        raise SystemExit(128 + number)
    on_signals(leave)


def wait_for(seconds, what, condition):
    """Waits until a condition holds; returns what it returned."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() >= deadline:
            raise LabError(f"{what}: not within {seconds} s")
        time.sleep(POLL_SECONDS)
    return result


def listens(process, port):
    """Whether anybody listens at a TCP port of the namespace of that process."""
    for table in ("tcp", "tcp6"):
        try:
            with open(f"/proc/{process.pid}/net/{table}", encoding="utf-8") as sockets:
                if re.search(rf":{port:04X} \S+ 0A ", sockets.read()):
                    return True
        except FileNotFoundError:
            pass
    return False


class Process:
    """A program in a namespace, with its output in a file."""

    def __init__(self, lab, host, name, argv):
        self.name = name
        self.path = os.path.join(lab.directory, f"{name}.log")
        with open(self.path, "wb") as log:
            # A session of its own: Ctrl-C is for us, who then stop the others in order.
            self.popen = subprocess.Popen(lab.command(host, argv), stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=subprocess.STDOUT,
                                          cwd=lab.directory, start_new_session=True)
        self.pid = self.popen.pid

    def log(self):
        with open(self.path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def ended(self):
        return self.popen.poll() is not None

    def check(self):
        if self.ended():
            raise LabError(f"{self.name} ended with status {self.popen.returncode}:\n{self.tail()}")

    def tail(self, lines=15):
        return "\n".join(self.log().splitlines()[-lines:])

    def stop(self):
        if self.ended():
            return
        self.popen.terminate()
        try:
            self.popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


class Lab:
    """To be used with "with": everything is gone at its end, whatever the reason."""

    def __init__(self, config, direct=False, line=None):
        """direct and line as above; line is the list of options for bench/line."""
        self.config = config
        self.direct = direct
        self.line = line
        self.prefix = f"mqb{os.getpid()}-"
        self.directory = None
        self.namespaces = []
        self.processes = []
        self.numbers = 0  # that tunnels have got
        self.at_end = []  # called when nothing runs any more
        self.netns_was_there = os.path.isdir("/run/netns")
        self.ipv6 = os.path.exists("/proc/net/if_inet6")

    def __enter__(self):
        try:
            self.directory = tempfile.mkdtemp(prefix="mqtt-vpn-bench.")  # mode 0700
            self.build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def build(self):
        for name in ("b", "n1", "n2"):
            self.add_namespace(name)
        self.write("b", "net/ipv4/ip_forward", "1")
        self.add_address("b", "lo", f"{BROKER}/32", "fd99::1/128")
        if self.line is None:
            self.link("n1", "up0", "b", "to1")
        else:
            self.add_line()
        self.link("n2", "up0", "b", "to2")
        for n in (1, 2):
            self.add_address("b", f"to{n}", f"10.99.{n}.1/24", f"fd99:0:0:{n}::1/64")
            self.add_address(f"n{n}", "up0", f"10.99.{n}.2/24", f"fd99:0:0:{n}::2/64")
            self.ip(f"n{n}", "route", "add", "default", "via", f"10.99.{n}.1")
        if self.direct:
            self.link("n1", "d0", "n2", "d0")
            for n in (1, 2):
                self.add_address(f"n{n}", "d0", f"10.98.0.{n}/24", f"fd98::{n}/64")
        if self.line is not None:
            self.start_line()
        self.start_broker("broker", BROKER_PORT, [])
        self.start_broker("broker-nodelay", NODELAY_PORT, ["set_tcp_nodelay true"])

    def add_namespace(self, name):
        self.run(None, ["ip", "netns", "add", self.prefix + name])
        self.namespaces.append(name)
        self.ip(name, "link", "set", "lo", "up")
        if self.config.congestion:
            self.write(name, "net/ipv4/tcp_congestion_control", self.config.congestion)

    def write(self, host, key, value):
        """Sets a sysctl of a namespace."""
        self.run(host, ["sh", "-c", f"echo {value} >/proc/sys/{key}"])

    def ip(self, host, *words):
        self.run(None, ["ip", "-n", self.prefix + host, *words])

    def link(self, host1, dev1, host2, dev2):
        self.run(None, ["ip", "link", "add", dev1, "netns", self.prefix + host1, "type", "veth",
                        "peer", "name", dev2, "netns", self.prefix + host2])
        for host, dev in ((host1, dev1), (host2, dev2)):
            self.ip(host, "link", "set", dev, "up")
            if self.line is not None:
                self.run(host, ["ethtool", "-K", dev] + [w for o in OFFLOADS for w in (o, "off")])

    def add_address(self, host, dev, ip4, ip6):
        self.ip(host, "address", "add", ip4, "dev", dev)
        if self.ipv6:
            self.ip(host, "address", "add", ip6, "dev", dev, "nodad")

    def add_line(self):
        self.add_namespace("l")
        self.link("n1", "up0", "l", "la")
        self.link("b", "to1", "l", "lb")

    def start_line(self):
        line = self.spawn("l", "line", [self.config.helper("line"), *self.line, "la", "lb"])
        wait_for(10, "bench/line", lambda: line.check() or "ready=1\n" in line.log())

    def start_broker(self, name, port, settings):
        path = self.file(f"{name}.conf", "\n".join([
            "per_listener_settings true", "user root", "log_dest stderr", "log_type error",
            "log_type warning", "log_type notice", *settings,
            f"listener {port} {BROKER}", "allow_anonymous true", ""]))
        broker = self.spawn("b", name, ["mosquitto", "-c", path])
        wait_for(10, name, lambda: broker.check() or listens(broker, port))
        if port == BROKER_PORT:
            self.broker = broker

    def next_number(self, count):
        """The first of so many numbers that no tunnel of this lab has."""
        first = self.numbers + 1
        self.numbers += count
        return first

    def endpoint(self, n):
        """The address at which the competitors on the two hosts find each other."""
        return f"10.98.0.{n}" if self.direct else f"10.99.{n}.2"

    def shape(self, host, dev, mbit):
        """Limits what a host sends; the queue is one of 100 ms, as in many a router."""
        burst = 16384 if mbit <= 10 else 32768
        self.run(host, ["tc", "qdisc", "replace", "dev", dev, "root", "tbf", "rate", f"{mbit}mbit",
                        "burst", str(burst), "limit", str(mbit * 12500)])

    def unshape(self, host, dev):
        self.run(host, ["tc", "qdisc", "delete", "dev", dev, "root"])

    def command(self, host, argv):
        if host is None:
            return argv
        return ["ip", "netns", "exec", self.prefix + host, *argv]

    def run(self, host, argv, timeout=60, text=None, check=True):
        """Runs a program to its end and returns its output."""
        try:
            done = subprocess.run(self.command(host, argv), input=text, timeout=timeout,
                                  capture_output=True, text=True, check=False, cwd=self.directory)
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{' '.join(argv)}: no end within {timeout} s") from error
        if check and done.returncode != 0:
            raise LabError(f"{' '.join(argv)}: status {done.returncode}\n"
                           f"{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def spawn(self, host, name, argv):
        process = Process(self, host, name, argv)
        self.processes.append(process)
        return process

    def reaches(self, host, address):
        argv = self.command(host, ["ping", "-n", "-q", "-c", "1", "-W", "1", address])
        return subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False).returncode == 0

    def file(self, name, text):
        """Writes a file that only root may read; returns its path."""
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="utf-8") as target:
            target.write(text)
        return path

    def close(self):
        """Stops what was started here, and removes the namespaces with all that is in them."""
        on_signals(signal.SIG_IGN)
        for process in reversed(self.processes):
            process.stop()
        for name in self.namespaces:
            self.end_strays(name)
            subprocess.run(["ip", "netns", "delete", self.prefix + name], check=False)
        if not self.netns_was_there and subprocess.run(
                ["umount", "/run/netns"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            os.rmdir("/run/netns")
        if self.directory is not None and self.config.keep:
            print(f"  Logs and configurations are kept in {self.directory}")
        elif self.directory is not None:
            shutil.rmtree(self.directory)
        for end in self.at_end:
            end()
        catch_signals()

    def end_strays(self, name):
        """What a program left behind in a namespace that nobody else knows."""
        done = subprocess.run(["ip", "netns", "pids", self.prefix + name], capture_output=True,
                              text=True, check=False)
        for pid in done.stdout.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
