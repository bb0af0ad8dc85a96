"""What is measured: two daemons that make a network between the hosts n1 and n2.

Every tunnel has networks of its own, so that any number of them can be up at the same time, idle
until it is their turn; and so that pairs alternate without a restart.

SPDX-License-Identifier: ISC
"""

import base64
import os
import shlex

from lab import BROKER, BROKER_PORT, LabError, wait_for

HOSTS = (1, 2)
START_SECONDS = 30
WIRES = ("psk", "pubkey", "mqtt_vpn")


class Tunnel:
    """The common part. start_host() is what differs."""

    ipv6 = True
    through_broker = False

    def __init__(self, name):
        self.name = name
        self.lab = None
        self.number = None
        self.daemons = []

    def start(self, lab, number):
        """number: different for all tunnels of a lab."""
        self.lab = lab
        self.number = number
        self.daemons = []
        self.prepare()
        for n in HOSTS:
            self.start_host(n)
        try:
            wait_for(START_SECONDS, f"{self.name}: a ping through the tunnel", self.works)
        except LabError as error:
            raise LabError(f"{error}\n{self.tails()}") from error

    def prepare(self):
        """What both hosts need before either starts."""

    def start_host(self, n):
        raise NotImplementedError

    def spawn(self, n, argv):
        daemon = self.lab.spawn(f"n{n}", f"{self.slug()}-n{n}", argv)
        self.daemons.append(daemon)
        return daemon

    def works(self):
        for daemon in self.daemons:
            daemon.check()
        return self.lab.reaches("n1", self.address(2))

    def settle(self):
        """After a load: until what is left of it has passed."""
        wait_for(START_SECONDS, f"{self.name}: a ping after the load", self.works)

    def tails(self):
        return "\n".join(f"{d.name}: {d.tail()}" for d in self.daemons)

    def slug(self):
        return self.name.replace(" ", "-").replace("/", "-")

    def interface(self, n):
        """n: for those whose names must differ on the whole machine."""
        return f"vpn{self.number}"

    def address(self, n, family=4):
        return f"10.77.{self.number}.{n}" if family == 4 else f"fd77:0:0:{self.number}::{n}"

    def port(self):
        return 20000 + self.number

    def endpoint(self, n):
        return f"{self.lab.endpoint(n)}:{self.port()}"

    def add_addresses(self, n):
        """For those that leave it to others; they make their interface soon after the start."""
        dev = self.interface(n)
        daemon = self.daemons[-1]
        wait_for(START_SECONDS, f"{self.name}: interface {dev}",
                 lambda: daemon.check() or self.has_interface(n, dev))
        self.lab.add_address(f"n{n}", dev, f"{self.address(n)}/24", f"{self.address(n, 6)}/64")
        self.lab.ip(f"n{n}", "link", "set", dev, "up")

    def has_interface(self, n, dev):
        try:
            self.lab.ip(f"n{n}", "link", "show", "dev", dev)
        except LabError:
            return False
        return True

    def file(self, name, text):
        return self.lab.file(f"{self.slug()}/{name}", text)

    def processes(self):
        """Whose processor time it takes."""
        told = {f"n{n}": daemon for n, daemon in zip(HOSTS, self.daemons)}
        if self.through_broker:
            told["broker"] = self.lab.broker
        return told


class Direct(Tunnel):
    """No tunnel at all: what the network itself gives."""

    def __init__(self):
        super().__init__("no VPN")

    def start_host(self, n):
        pass

    def address(self, n, family=4):
        if family == 4:
            return self.lab.endpoint(n)
        return f"fd98::{n}" if self.lab.direct else f"fd99:0:0:{n}::2"


class Forwarder(Tunnel):
    """What the TUN devices alone allow: one process that has both of them."""

    def __init__(self):
        super().__init__("TUN forwarder")

    def start_host(self, n):
        if n == 1:
            return
        names = [self.lab.prefix + f"n{host}" for host in HOSTS]
        self.daemons.append(self.lab.spawn(
            None, self.slug(), [self.lab.config.helper("tun_forward"), *names,
                                self.interface(n)]))
        for host in HOSTS:
            self.add_addresses(host)


class Vpnd(Tunnel):
    """mqtt-vpnd with all its defaults, but what the arguments say."""

    through_broker = True

    def __init__(self, wire="psk", idle_peers=0, mtu=None, name=None, congestion=None):
        super().__init__(name or ", ".join(filter(None, (f"mqtt-vpnd {wire}", congestion))))
        self.wire = wire
        self.idle_peers = idle_peers
        self.mtu = mtu
        self.congestion = congestion
        self.secrets = {}
        self.publics = {}

    def prepare(self):
        ctl = self.lab.config.vpnctl
        if self.wire == "psk":
            secret = self.lab.run(None, [ctl, "genpsk"])
        else:
            secret = self.lab.config.password + "\n"
        for n in HOSTS:
            if self.wire == "pubkey":
                secret = self.lab.run(None, [ctl, "genkey"])
                self.publics[n] = self.lab.run(None, [ctl, "pubkey"], text=secret).strip()
            self.secrets[n] = self.file(f"n{n}.key", secret)

    def wire_lines(self, n):
        if self.wire == "mqtt_vpn":
            return ["wire = mqtt_vpn", f'passphrase-file = "{self.secrets[n]}"']
        key = "passphrase-file" if self.wire == "psk" else "private-key-file"
        return [f'network = "bench{self.number}"', f"mode = {self.wire}",
                f'{key} = "{self.secrets[n]}"']

    def peer_line(self, name, addresses, public):
        quoted = ", ".join(f'"{address}"' for address in addresses)
        key = f'public-key = "{public}"' if self.wire == "pubkey" else ""
        return f'peer "{name}" {{ address = {{{quoted}}} {key} }}'

    def peer_lines(self, n):
        """The other host, and peers that have a key and are never there."""
        if self.wire != "pubkey" and self.idle_peers == 0:
            return []
        other = 3 - n
        addresses = [self.address(other)] + ([self.address(other, 6)] if self.lab.ipv6 else [])
        lines = [self.peer_line(f"n{other}", addresses, self.publics.get(other))]
        for i in range(self.idle_peers):
            public = base64.b64encode(os.urandom(32)).decode()
            lines.append(self.peer_line(f"idle{i}", [f"10.78.{i >> 8}.{i & 255}"], public))
        return lines

    def configuration(self, n):
        addresses = f'"{self.address(n)}/24"'
        if self.lab.ipv6:
            addresses += f', "{self.address(n, 6)}/64"'
        mtu = f"mtu = {self.mtu}" if self.mtu else ""
        return "\n".join([
            *self.wire_lines(n),
            f'control-socket = "{self.socket(n)}"',
            f'interface "{self.interface(n)}" {{ address = {{{addresses}}} {mtu} }}',
            self.broker_line(), *self.peer_lines(n), ""])

    def broker_line(self):
        options = f"congestion-control = {self.congestion}" if self.congestion else ""
        return f'broker "mqtt://{BROKER}:{BROKER_PORT}" {{ {options} }}'

    def socket(self, n):
        return os.path.join(self.lab.directory, f"vpn{self.number}-{n}.sock")

    def start_host(self, n):
        path = self.file(f"n{n}.conf", self.configuration(n))
        daemon = self.spawn(n, [self.lab.config.vpnd, "-f", "-c", path])
        wait_for(START_SECONDS, f"{self.name}: up in n{n}",
                 lambda: daemon.check() or self.is_up(n))

    def is_up(self, n):
        try:
            self.lab.run(None, [self.lab.config.vpnctl, "-s", self.socket(n), "status"])
        except LabError:
            return False
        return True


class Command(Tunnel):
    """A program through the broker, given on the command line."""

    ipv6 = False
    through_broker = True

    def __init__(self, name, command, index):
        super().__init__(name)
        self.command = command
        self.index = index

    def start_host(self, n):
        values = {"%i": self.interface(n), "%a": self.address(n), "%k": self.lab.config.password,
                  "%b": f"tcp://{BROKER}:{BROKER_PORT}", "%n": str(2 * self.index + n)}
        argv = shlex.split(self.command)
        for key, value in values.items():
            argv = [word.replace(key, value) for word in argv]
        self.spawn(n, argv)
