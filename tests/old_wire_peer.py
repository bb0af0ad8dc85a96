#!/usr/bin/python3
"""A node of MQTT_VPN, written from the description of its wire and sharing no code with mqtt-vpnd.

The tests let it talk to mqtt-vpnd, so that a mistake that both ends of the daemon share shows.
The wire: a node subscribes to <prefix>/<own address>, to <prefix>/255.255.255.255 and to the
addresses it receives for others; a packet goes to <prefix>/<its destination>, QoS 0. The payload is
the packet, or with a password nonce[24], 16 zero bytes, tag[16] and the ciphertext of
XSalsa20-Poly1305 under the first half of SHA-512(password).

SPDX-License-Identifier: ISC
"""

import argparse
import fcntl
import hashlib
import ipaddress
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import urllib.parse

import nacl.exceptions
import nacl.secret
import nacl.utils
import paho.mqtt.client as mqtt

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
NONCE_LEN = 24
ZERO_LEN = 16
PACKET_MAX = 1500
BROADCAST = "255.255.255.255"


class Box:
    """Seals and opens packets; without a password it changes nothing."""

    def __init__(self, password):
        self.box = None
        if password is not None:
            key = hashlib.sha512(password.encode()).digest()[:32]
            self.box = nacl.secret.SecretBox(key)

    def seal(self, packet):
        if self.box is None:
            return packet
        nonce = nacl.utils.random(NONCE_LEN)
        return nonce + bytes(ZERO_LEN) + self.box.encrypt(packet, nonce).ciphertext

    def open(self, message):
        """The packet, or None if it was sealed by somebody else or changed."""
        if self.box is None:
            return message
        zeros = message[NONCE_LEN:NONCE_LEN + ZERO_LEN]
        if zeros != bytes(ZERO_LEN):
            return None
        try:
            return self.box.decrypt(message[NONCE_LEN + ZERO_LEN:], message[:NONCE_LEN])
        except (nacl.exceptions.CryptoError, ValueError):
            return None


def destination(packet):
    """The destination address as it stands in the topic, or None."""
    if len(packet) >= 20 and packet[0] >> 4 == 4:
        return socket.inet_ntop(socket.AF_INET, packet[16:20])
    if len(packet) >= 40 and packet[0] >> 4 == 6:
        return ipaddress.IPv6Address(packet[24:40]).compressed
    return None


def open_tun(args):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", args.interface.encode(), IFF_TUN | IFF_NO_PI))
    address = f"{args.address}/{ipaddress.ip_network('0.0.0.0/' + args.netmask).prefixlen}"
    addresses = [address]
    if args.address6:
        addresses.append(f"{args.address6}/{args.prefix_len6}")
    for each in addresses:
        option = ["nodad"] if ":" in each else []
        subprocess.run(["ip", "address", "add", each, "dev", args.interface, *option], check=True)
    subprocess.run(["ip", "link", "set", args.interface, "up"], check=True)
    return fd


class Node:
    def __init__(self, args):
        self.args = args
        self.counts = {"sent": 0, "received": 0, "bad": 0, "too long": 0, "foreign": 0}
        self.box = Box(args.password)
        self.tun = open_tun(args)
        own = [args.address, BROADCAST, *args.forward]
        if args.address6:
            own.append(ipaddress.IPv6Address(args.address6).compressed)
        self.topics = [f"{args.prefix}/{address}" for address in own]
        self.client = mqtt.Client(args.client_id, clean_session=True, protocol=mqtt.MQTTv311)
        if args.user is not None:
            self.client.username_pw_set(args.user, args.user_password)
        self.client.on_connect = self.connected
        self.client.on_message = self.message_came

    def connected(self, client, _userdata, _flags, code):
        if code != 0:
            sys.exit(f"the broker refuses us: {mqtt.connack_string(code)}")
        client.subscribe([(topic, 0) for topic in self.topics])
        print(f"connected, subscribed to {' '.join(self.topics)}", flush=True)

    def message_came(self, _client, _userdata, message):
        if message.topic not in self.topics:
            self.counts["foreign"] += 1
            return
        packet = self.box.open(message.payload)
        if packet is None or destination(packet) is None:
            self.counts["bad"] += 1
        elif len(packet) > PACKET_MAX:
            self.counts["too long"] += 1
        else:
            self.counts["received"] += 1
            try:
                os.write(self.tun, packet)
            except OSError as error:
                print(f"TUN: {error}", file=sys.stderr)

    def read_tun(self):
        for _ in range(64):
            try:
                packet = os.read(self.tun, 2000)
            except BlockingIOError:
                return
            target = destination(packet)
            if target is not None:
                self.counts["sent"] += 1
                self.client.publish(f"{self.args.prefix}/{target}", self.box.seal(packet), qos=0)

    def run(self):
        url = urllib.parse.urlsplit(self.args.broker)
        self.client.connect(url.hostname, url.port or 1883, keepalive=20)
        while True:
            sock = self.client.socket()
            if sock is None:
                sys.exit("connection lost")
            writers = [sock] if self.client.want_write() else []
            readers, writers, _ = select.select([self.tun, sock], writers, [], 1)
            if sock in readers:
                self.client.loop_read(64)
            if self.tun in readers and not self.client.want_write():
                self.read_tun()
            if writers:
                self.client.loop_write()
            self.client.loop_misc()


def parse_args():
    parser = argparse.ArgumentParser(description="A node of MQTT_VPN for tests.")
    parser.add_argument("-i", dest="interface", required=True, help="interface")
    parser.add_argument("-a", dest="address", required=True, help="IPv4 address")
    parser.add_argument("-m", dest="netmask", default="255.255.255.0", help="its netmask")
    parser.add_argument("-6", dest="address6", help="IPv6 address")
    parser.add_argument("-x", dest="prefix_len6", default="64", help="its prefix length")
    parser.add_argument("-b", dest="broker", required=True, help="tcp://host:port")
    parser.add_argument("-k", dest="password", help="password of the VPN")
    parser.add_argument("-t", dest="forward", action="append", default=[],
                        help="address to receive for; may be repeated")
    parser.add_argument("-n", dest="client_id", default=f"MQTT_VPN_{random.getrandbits(31)}")
    parser.add_argument("-u", dest="user", help="user name at the broker")
    parser.add_argument("-p", dest="user_password", help="password at the broker")
    parser.add_argument("--prefix", default="mqttip", help="first part of the topics")
    return parser.parse_args()


def main():
    node = Node(parse_args())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        node.run()
    finally:
        print(" ".join(f"{name}={count}" for name, count in node.counts.items()), flush=True)


if __name__ == "__main__":
    main()
