"""Other VPNs of Debian, which run directly between the two hosts, without a broker.

Each as its documentation starts it, and once more tuned: the quickest cipher that it offers and
that still authenticates, a larger MTU where it can use one (the packets that leave it are
fragmented by the kernel), large buffers, no compression. Those that have no such settings have no
tuned form.

SPDX-License-Identifier: ISC
"""

import json
import os
import shutil

from tunnels import HOSTS, Tunnel

SOCKETS = "/run/wireguard"
BUFFER = 4 * 1024 * 1024


class Competitor(Tunnel):
    """needs: the commands, of Debian's package of that name."""

    needs = ()
    package = ""
    can_tune = True

    def __init__(self, tuned=False):
        super().__init__(self.package + (" tuned" if tuned else ""))
        self.tuned = tuned


class Tinc(Competitor):
    """Version 1.0: CBC and HMAC, one packet a datagram; its path MTU ends at 1500."""

    needs = ("tincd",)
    package = "tinc"

    def prepare(self):
        for n in HOSTS:
            self.file(f"n{n}/tinc.conf", self.configuration(n))
            self.file(f"n{n}/hosts/n{n}", self.host_file(n))
            self.lab.run(None, ["tincd", "-c", self.directory(n), "-K2048"], text="\n\n")
        for n in HOSTS:
            shutil.copy(os.path.join(self.directory(n), "hosts", f"n{n}"),
                        os.path.join(self.directory(3 - n), "hosts"))

    def directory(self, n):
        return os.path.join(self.lab.directory, self.slug(), f"n{n}")

    def configuration(self, n):
        lines = [f"Name = n{n}", f"Interface = {self.interface(n)}"]
        if n == 1:
            lines.append("ConnectTo = n2")
        if self.tuned:
            lines += [f"UDPRcvBuf = {BUFFER}", f"UDPSndBuf = {BUFFER}", "ReplayWindow = 1024",
                      "ProcessPriority = high"]
        return "\n".join(lines + [""])

    def host_file(self, n):
        lines = [f"Address = {self.lab.endpoint(n)}", f"Port = {self.port()}",
                 f"Subnet = {self.address(n)}/32", f"Subnet = {self.address(n, 6)}/128"]
        if self.tuned:
            lines += ["Cipher = aes-128-cbc", "Digest = sha1", "MACLength = 4", "Compression = 0"]
        return "\n".join(lines + [""])

    def start_host(self, n):
        self.spawn(n, ["tincd", "-D", "-c", self.directory(n), "--pidfile",
                       os.path.join(self.directory(n), "pid")])
        self.add_addresses(n)


class OpenVpn(Competitor):
    """TLS between two, who know each other by the fingerprints of their certificates."""

    needs = ("openvpn", "openssl")
    package = "openvpn"

    def prepare(self):
        self.prints = {}
        for n in HOSTS:
            cert, key = self.file(f"n{n}.crt", ""), self.file(f"n{n}.key", "")
            self.lab.run(None, ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN=n{n}",
                                "-days", "10", "-keyout", key, "-out", cert])
            text = self.lab.run(None, ["openssl", "x509", "-in", cert, "-noout", "-fingerprint",
                                       "-sha256"])
            self.prints[n] = text.strip().split("=")[1]

    def configuration(self, n):
        other = 3 - n
        lines = [f"dev {self.interface(n)}", "dev-type tun", f"port {self.port()}",
                 f"remote {self.lab.endpoint(other)}",
                 f"ifconfig {self.address(n)} {self.address(other)}",
                 f"ifconfig-ipv6 {self.address(n, 6)}/64 {self.address(other, 6)}",
                 "tls-server" if n == 1 else "tls-client", "dh none",
                 f"cert {self.lab.directory}/{self.slug()}/n{n}.crt",
                 f"key {self.lab.directory}/{self.slug()}/n{n}.key",
                 f"peer-fingerprint {self.prints[other]}", "verb 1"]
        if self.tuned:
            lines += ["data-ciphers AES-128-GCM", "tun-mtu 9000", "mssfix 0",
                      f"sndbuf {BUFFER}", f"rcvbuf {BUFFER}", "txqueuelen 1000", "fast-io"]
        return "\n".join(lines + [""])

    def start_host(self, n):
        self.spawn(n, ["openvpn", "--config", self.file(f"n{n}.conf", self.configuration(n))])


class WireGuardGo(Competitor):
    """WireGuard in user space, as on systems whose kernel has none."""

    needs = ("wireguard-go", "wg")
    package = "wireguard-go"

    def interface(self, n):
        # Its socket in that directory is named after it.
        return f"wg{self.number}{n}-{os.getpid()}"

    def prepare(self):
        if not os.path.isdir(SOCKETS):
            self.lab.at_end.append(self.remove_sockets)
        self.publics = {}
        for n in HOSTS:
            private = self.lab.run(None, ["wg", "genkey"])
            self.publics[n] = self.lab.run(None, ["wg", "pubkey"], text=private).strip()
            self.file(f"n{n}.conf", f"[Interface]\nPrivateKey = {private}"
                                    f"ListenPort = {self.port()}\n")

    @staticmethod
    def remove_sockets():
        if os.path.isdir(SOCKETS):
            shutil.rmtree(SOCKETS)

    def peer(self, n):
        return (f"[Peer]\nPublicKey = {self.publics[n]}\nEndpoint = {self.endpoint(n)}\n"
                f"AllowedIPs = {self.address(n)}/32, {self.address(n, 6)}/128\n")

    def start_host(self, n):
        path = os.path.join(self.lab.directory, self.slug(), f"n{n}.conf")
        with open(path, "a", encoding="utf-8") as target:
            target.write(self.peer(3 - n))
        dev = self.interface(n)
        self.spawn(n, ["wireguard-go", "-f", dev])
        self.add_addresses(n)
        if self.tuned:
            self.lab.ip(f"n{n}", "link", "set", dev, "mtu", "8920")
        self.lab.run(f"n{n}", ["wg", "setconf", dev, path])


class N2n(Competitor):
    """Version 1.3, with Twofish; a supernode on n2 introduces the two to each other."""

    ipv6 = False  # it learns nothing of IPv6 neighbours
    can_tune = False
    needs = ("edge", "supernode")
    package = "n2n"

    def prepare(self):
        self.lab.spawn("n2", f"{self.slug()}-supernode", ["supernode", "-l", str(self.port())])

    def start_host(self, n):
        self.spawn(n, ["edge", "-d", self.interface(n), "-a", self.address(n), "-c", "bench",
                       "-k", self.lab.config.password, "-l", self.endpoint(2), "-u", "0",
                       "-g", "0"])


class Nebula(Competitor):
    """The host n2 is its lighthouse."""

    ipv6 = False  # inside of it, in version 1.6
    needs = ("nebula", "nebula-cert")
    package = "nebula"

    def prepare(self):
        self.file("here", "")
        directory = self.directory()
        self.lab.run(None, ["nebula-cert", "ca", "-name", "bench", "-out-crt",
                            f"{directory}/ca.crt", "-out-key", f"{directory}/ca.key"])
        for n in HOSTS:
            self.lab.run(None, ["nebula-cert", "sign", "-name", f"n{n}",
                                "-ip", f"{self.address(n)}/24", "-ca-crt", f"{directory}/ca.crt",
                                "-ca-key", f"{directory}/ca.key", "-out-crt",
                                f"{directory}/n{n}.crt", "-out-key", f"{directory}/n{n}.key"])

    def directory(self):
        return os.path.join(self.lab.directory, self.slug())

    def configuration(self, n):
        directory = self.directory()
        anything = [{"port": "any", "proto": "any", "host": "any"}]
        lighthouse = {"am_lighthouse": n == 2, "hosts": [] if n == 2 else [self.address(2)]}
        conf = {
            "pki": {"ca": f"{directory}/ca.crt", "cert": f"{directory}/n{n}.crt",
                    "key": f"{directory}/n{n}.key"},
            "static_host_map": {self.address(2): [self.endpoint(2)]},
            "lighthouse": lighthouse,
            "listen": {"host": "0.0.0.0", "port": self.port()},
            "tun": {"dev": self.interface(n)},
            "logging": {"level": "warning", "format": "text"},
            "firewall": {"outbound": anything, "inbound": anything},
        }
        if self.tuned:
            conf["listen"] |= {"batch": 128, "read_buffer": BUFFER, "write_buffer": BUFFER}
            conf["tun"]["mtu"] = 8800
            conf["routines"] = 2
        return json.dumps(conf, indent=1)  # which is YAML, too

    def start_host(self, n):
        self.spawn(n, ["nebula", "-config", self.file(f"n{n}.yml", self.configuration(n))])


ALL = (Tinc, OpenVpn, WireGuardGo, N2n, Nebula)
