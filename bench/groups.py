"""A key server with its members in a lab: the server on host n1, and on n2 one process that is all
of the members (bench/members).

SPDX-License-Identifier: ISC
"""

import json
import os
import socket
import time
from collections import namedtuple

from lab import BROKER, LabError, wait_for
from measure import memory_mb

PATIENCE_SECONDS = 60
SETTLE_SECONDS = 0.3
MEMBERS_PER_SECOND = 100  # with less than that something is wrong


def now_us():
    """By the clock of bench/members."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def ask(path, request):
    """One question at a control socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_SECONDS)
        client.connect(path)
        client.sendall(f"{request}\n".encode())
        answer = bytearray()
        while data := client.recv(65536):
            answer += data
    header, _, body = answer.partition(b"\n")
    if not header.startswith(b"ok "):
        raise LabError(f"{path}: {request}: {body.decode(errors='replace')}")
    return json.loads(body)


# What the server has done: CPU in seconds; messages and bytes in and out, of payload and, the
# latter, on the line with all headers.
Work = namedtuple("Work", "cpu rx_messages tx_messages rx_bytes tx_bytes rx_line tx_line")


class Server:
    """mqtt-vpn-keyd with one group, test, and so many members in its configuration."""

    def __init__(self, lab, config, method, count):
        self.lab = lab
        self.config = config
        self.method = method
        self.sections = lab.run(None, [config.helper("members"), "list", str(count), "test"])
        self.key = lab.run(None, [config.vpnctl, "genkey"])
        self.public = lab.run(None, [config.vpnctl, "pubkey"], text=self.key).strip()
        self.key_file = lab.file("keyd.key", self.key)
        self.socket = os.path.join(lab.directory, "keyd.sock")
        os.mkdir(os.path.join(lab.directory, "store"), 0o700)
        self.process = None

    def start(self, settings="", group=""):
        """Returns after how many seconds it serves, and what CPU time that took."""
        path = self.lab.file("keyd.conf", f"""
network = "test"
private-key-file = "{self.key_file}"
store = "{self.lab.directory}/store/keys.db"
{settings}
broker "mqtt://{BROKER}" {{ }}
key-group "test" {{ method = {self.method} {group} }}
{self.sections}""")
        begin = time.monotonic()
        self.process = self.lab.spawn("n1", "keyd", [self.config.keyd, "-f", "-c", path, "-s",
                                                     self.socket])
        wait_for(PATIENCE_SECONDS, "the key server", self.serves)
        return time.monotonic() - begin

    def serves(self):
        self.process.check()
        try:
            return self.ask("status")["link"]["state"] == "up"
        except (ConnectionRefusedError, FileNotFoundError):
            return False

    def stop(self):
        self.process.stop()

    def ask(self, request):
        return ask(self.socket, request)

    def epoch(self):
        return self.ask("groups")["groups"][0]["epoch"]

    def memory_mb(self):
        return memory_mb(self.process)

    def cpu_seconds(self):
        """More exactly than by ticks; it has one thread."""
        with open(f"/proc/{self.process.pid}/schedstat", encoding="utf-8") as stat:
            return int(stat.read().split()[0]) / 1e9

    def on_line(self, direction):
        return int(self.lab.run("n1", ["cat", f"/sys/class/net/up0/statistics/{direction}_bytes"]))

    def work(self):
        counters = {row["name"]: row["value"] for row in self.ask("stats")["stats"]}
        return Work(self.cpu_seconds(), counters["rx_messages"], counters["tx_messages"],
                    counters["rx_bytes"], counters["tx_bytes"], self.on_line("rx"),
                    self.on_line("tx"))

    def settled(self):
        """Its work when nothing comes or goes any more."""
        before = self.work()
        while True:
            time.sleep(SETTLE_SECONDS)
            after = self.work()
            if (after.rx_messages, after.tx_messages) == (before.rx_messages, before.tx_messages):
                return after
            before = after


def difference(after, before):
    return Work(*(a - b for a, b in zip(after, before)))


class Crowd:
    """The members: m0, m1, ..."""

    def __init__(self, lab, config, server, count, rekey_s=120):
        self.socket = os.path.join(lab.directory, "members.sock")
        self.count = count
        self.process = lab.spawn("n2", "members", [
            config.helper("members"), "run", "--broker", BROKER, "--server", server.public,
            "--socket", self.socket, "--count", str(count), "--rekey", str(rekey_s)])
        self.wait("the members' connections", lambda status: status["ready"])

    def ask(self, request):
        self.process.check()
        return ask(self.socket, request)

    def stop(self):
        self.process.stop()

    def wait(self, what, condition, seconds=0):
        """Waits until their status is such, and returns it."""
        def look():
            self.process.check()
            try:
                status = self.ask("status")
            except (ConnectionRefusedError, FileNotFoundError):
                return None
            return status if condition(status) else None

        return wait_for(PATIENCE_SECONDS + self.count / MEMBERS_PER_SECOND + seconds, what, look)

    def join(self, count):
        """The first so many; returns their status when they are in and have one key."""
        self.ask(f"join {count}")
        return self.wait(f"{count} members to join",
                         lambda status: status["in"] == status["at_epoch"] == count)

    def wait_epoch(self, above):
        """Until all who are in have a newer key."""
        return self.wait("a new key", lambda status: status["epoch"] > above
                         and status["at_epoch"] == status["in"])
