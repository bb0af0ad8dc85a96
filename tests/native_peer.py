#!/usr/bin/python3
"""A node of the native wire, written from mqtt-vpn-protocol(7) and sharing no code with mqtt-vpnd.

The tests let it talk to mqtt-vpnd, so that a mistake that both ends of the daemon share shows. What
the messages are is native_wire.py; here is what a node does with them: sessions and their timers,
multicast keys, notices. All packets that wait in the tunnel for one peer go into one message, and
that is padded to a multiple of 16, so that a receiver meets several records and padding.

SIGUSR1 makes it forget all sessions and keys without a word, as if it had been cut off and started
anew; SIGUSR2 draws new multicast keys and tells nobody. At its end it prints what it counted.

SPDX-License-Identifier: ISC
"""

import argparse
import base64
import collections
import fcntl
import ipaddress
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time
import urllib.parse

import nacl.signing
import paho.mqtt.client as mqtt

sys.dont_write_bytecode = True  # the source tree stays as it is
# pylint: disable=wrong-import-position
import native_wire as wire
from native_wire import Refused

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
WINDOW = 8192
WAITING_MAX = 32
PENDING_MAX = 4

# Seconds.
GRACE = 60
RETRY = 5
GIVE_UP = 90
KEEPALIVE = 10
SILENCE = 15
PENDING_LIFETIME = 10
HINT = 1
RECENT = 3
KEY_LIFETIME = 3600


def log(text):
    print(text, flush=True)


def source_and_destination(packet):
    """Of an IP packet that is whole."""
    if len(packet) >= 20 and packet[0] >> 4 == 4:
        first, size, length = 12, 4, struct.unpack_from(">H", packet, 2)[0]
    elif len(packet) >= 40 and packet[0] >> 4 == 6:
        first, size, length = 8, 16, 40 + struct.unpack_from(">H", packet, 4)[0]
    else:
        raise Refused("not an IP packet")
    if length != len(packet):
        raise Refused("length of the packet")
    return tuple(
        ipaddress.ip_address(packet[at:at + size]) for at in (first, first + size)
    )


class Window:
    """The counters that were seen."""

    def __init__(self, floor=0):
        self.floor = floor
        self.next = 0
        self.seen = set()

    def check(self, counter):
        too_old = counter < max(self.floor, self.next - WINDOW) or counter == 2 ** 64 - 1
        if too_old or counter in self.seen:
            raise Refused("replayed")

    def accept(self, counter):
        self.seen.add(counter)
        self.next = max(self.next, counter + 1)
        if len(self.seen) > 2 * WINDOW:
            self.seen = {old for old in self.seen if old >= self.next - WINDOW}


class Session:
    def __init__(self, index, handshake, hello, created):
        self.index = index
        self.remote_index = hello.index
        self.own, self.remote = handshake.own, handshake.remote
        self.tx_key, self.rx_key = handshake.tx_key, handshake.rx_key
        self.initiator = handshake.initiator
        self.second_choice = False
        self.max_message = hello.max_message
        self.created = created
        self.counter = 0
        self.window = Window()


Attempt = collections.namedtuple("Attempt", "index handshake first retry")


class Channel:
    """The way to one peer."""

    def __init__(self, own, remote, addresses, public_key=None):
        self.own, self.remote = own, remote
        self.addresses = addresses
        self.public_key = public_key
        self.current = self.previous = self.attempt = None
        self.pending = []
        self.waiting = collections.deque(maxlen=WAITING_MAX)
        self.keys = {}  # by the sender's address: [(key, window)], the present first
        self.unanswered = self.unreplied = self.hinted = 0
        self.told = set()  # ids of our multicast keys

    def sessions(self):
        return [s for s in (self.current, self.previous, *self.pending) if s]

    def use(self, session):
        self.previous, self.current = self.current, session
        self.unanswered = 0

    def close(self, session):
        """The peer has ended, but perhaps it has begun anew since."""
        other = self.current
        if session is self.previous and other and abs(session.created - other.created) >= RETRY:
            self.previous = None
        else:
            self.forget()

    def forget(self):
        self.current = self.previous = self.attempt = None
        self.pending.clear()
        self.unanswered = self.unreplied = 0


class Sender:
    """One of our ids, with its multicast key."""

    def __init__(self, identity):
        self.identity = identity
        self.key = None
        self.created = 0
        self.sent = collections.deque()  # when, and with which counter

    def renew(self, signed, now):
        signing = nacl.signing.SigningKey.generate() if signed else None
        key_id = random.SystemRandom().randrange(1, 2 ** 64)
        self.key = wire.MulticastKey(key_id, os.urandom(32), signing=signing)
        self.created = now
        self.sent.clear()

    def floor(self, now):
        """The counter of the oldest message that a receiver may still be holding."""
        while self.sent and self.sent[0][0] < now - RECENT:
            self.sent.popleft()
        return self.sent[0][1] if self.sent else self.key.counter


class Node:
    def __init__(self, network, ids, publish, deliver, name="", rekey=120):
        self.network = network
        self.ids = [Sender(identity) for identity in ids]
        self.publish = publish
        self.deliver = deliver
        self.name = name
        self.rekey = rekey
        self.channels = []
        self.held = collections.deque(maxlen=WAITING_MAX)
        self.counts = collections.Counter(
            {name: 0 for name in ("sent", "received", "bad", "foreign", "replayed")}
        )

    # Finding things.

    def own_id(self, address):
        for sender in self.ids:
            if sender.identity.address == address:
                return sender
        return None

    def id_for(self, source, remote):
        """As whom a packet is sent."""
        for sender in self.ids:
            if sender.identity.address == source:
                return sender
        for sender in self.ids:
            if sender.identity.address.version == remote.version:
                return sender
        return self.ids[0]

    def add_peer(self, addresses, public_key):
        """Of the mode pubkey."""
        own = self.id_for(None, addresses[0]).identity
        remote = self.network.identity(addresses[0])
        self.channels.append(Channel(own, remote, addresses, public_key))

    def channel(self, own, remote):
        """To the peer with this address; in the mode psk whichever it is."""
        for channel in self.channels:
            if self.network.mode == wire.PUBKEY and remote in channel.addresses:
                return channel
            if channel.own == own and channel.remote.address == remote:
                return channel
        if self.network.mode == wire.PUBKEY:
            return None
        channel = Channel(own, self.network.identity(remote), [remote])
        self.channels.append(channel)
        return channel

    def find_session(self, index):
        for channel in self.channels:
            for session in channel.sessions():
                if session.index == index:
                    return channel, session
        return None, None

    def new_index(self):
        while True:
            index = random.SystemRandom().randrange(1, 2 ** 32)
            attempts = [c.attempt.index for c in self.channels if c.attempt]
            if self.find_session(index) == (None, None) and index not in attempts:
                return index

    def goes_first(self, channel):
        if self.network.mode == wire.PUBKEY:
            return self.network.public_key < channel.public_key
        return channel.own.tag < channel.remote.tag

    # Handshakes.

    def hello(self, index, own, remote):
        return wire.Hello(index, own.address, remote.address, self.name)

    def begin(self, channel, now):
        if not channel.attempt:
            self.attempt(channel, now, now)

    def attempt(self, channel, first, now):
        index = self.new_index()
        handshake, message = wire.Handshake.begin(
            self.network,
            channel.own,
            channel.remote,
            self.hello(index, channel.own, channel.remote),
            channel.public_key,
        )
        channel.attempt = Attempt(index, handshake, first, now + RETRY + random.random())
        self.send_message(channel.remote.part, channel.own.part, message)

    def retry(self, channel, now):
        if now >= channel.attempt.first + GIVE_UP:
            channel.attempt = None
            channel.waiting.clear()
            log(f"{channel.remote.address} does not answer")
            return
        if channel.public_key:  # perhaps at another of its addresses
            at = channel.addresses.index(channel.remote.address) + 1
            address = channel.addresses[at % len(channel.addresses)]
            channel.remote = self.network.identity(address)
            channel.own = self.id_for(None, address).identity
        self.attempt(channel, channel.attempt.first, now)

    def on_init(self, own, sender_part, message, now):
        handshake, hello = wire.Handshake.accept(self.network, own.identity, message, sender_part)
        channel = self.channel(own.identity, hello.sender)
        if channel is None or channel.public_key != handshake.remote_public:
            raise Refused("a peer that is not listed")
        index = self.new_index()
        answer = handshake.answer(hello.index, self.hello(index, own.identity, handshake.remote))
        channel.pending.append(Session(index, handshake, hello, now))
        del channel.pending[:-PENDING_MAX]
        self.send_message(sender_part, own.identity.part, answer)

    def on_response(self, own, sender_part, message, now):
        index = struct.unpack(">I", wire.Reader(message[4:]).bytes(4))[0]
        channel = next((c for c in self.channels if c.attempt and c.attempt.index == index), None)
        if channel is None or channel.attempt.handshake.own != own.identity:
            raise Refused("an answer to nothing")
        hello = channel.attempt.handshake.finish(message, sender_part)
        session = Session(index, channel.attempt.handshake, hello, now)
        channel.attempt = None
        if self.goes_first(channel):
            for pending in channel.pending:
                pending.second_choice = True
        channel.use(session)
        log(f"session with {hello.sender} {hello.name}: we began")
        self.ready(channel, now)
        if session.counter == 0:
            self.send_session(channel, wire.DATA, b"", now)

    def ready(self, channel, now):
        waiting = list(channel.waiting)
        channel.waiting.clear()
        self.send_packets(channel, waiting, now)
        self.grant(channel, now)

    # Sending.

    def send_message(self, to_part, sender_part, message):
        self.publish(self.network.topic(to_part, sender_part), message)

    def send_session(self, channel, kind, plain, now):
        session = channel.current
        message = wire.seal_session(
            kind, session.tx_key, session.remote_index, session.counter, session.remote, plain
        )
        session.counter += 1
        self.send_message(session.remote.part, session.own.part, message)
        channel.unreplied = 0
        if kind == wire.DATA and plain and not channel.unanswered:
            channel.unanswered = now

    def send_packets(self, channel, packets, now):
        """Several in one message, as far as the peer takes them; padded."""
        room = min(channel.current.max_message, wire.MESSAGE_MAX) - 32
        plain = b""
        for packet in packets:
            record = wire.put_packet(packet)
            if plain and len(plain) + len(record) > room:
                self.send_session(channel, wire.DATA, plain, now)
                plain = b""
            plain += record
            self.counts["sent"] += 1
        if plain:
            self.send_session(channel, wire.DATA, plain + bytes(-len(plain) % 16), now)

    def renew_at(self, channel, session):
        at = session.created + self.rekey
        if session.initiator:
            return at
        return at + (GRACE / 4 if self.goes_first(channel) else GRACE / 2)

    def send(self, packets, now):
        """What came out of the tunnel."""
        batches = {}
        for packet in packets:
            source, destination = source_and_destination(packet)
            own = self.own_id(source)
            if own is None:  # the kernel's own, from a link-local address
                continue
            if self.is_broadcast(destination):
                self.send_multicast(own, packet, now)
                continue
            channel = self.channel(own.identity, destination)
            if channel is not None:
                batches.setdefault(id(channel), (channel, []))[1].append(packet)
        for channel, batch in batches.values():
            self.send_to(channel, batch, now)

    def send_to(self, channel, packets, now):
        session = channel.current
        if session and now < session.created + self.rekey + GRACE:
            if now >= self.renew_at(channel, session):
                self.begin(channel, now)
            self.send_packets(channel, packets, now)
            return
        channel.waiting.extend(packets)
        self.begin(channel, now)

    # Multicast.

    @staticmethod
    def is_broadcast(address):
        """A node that cared would add the directed one of its networks; ours all are a /24."""
        return address.is_multicast or (address.version == 4 and address.packed[3] == 255)

    def send_multicast(self, own, packet, now):
        if own.key is None or now >= own.created + KEY_LIFETIME:
            own.renew(self.network.mode == wire.PUBKEY, now)
            for channel in self.channels:
                if channel.current:
                    self.grant(channel, now)
        own.sent.append((now, own.key.counter))
        plain = wire.put_packet(packet)
        message = wire.seal_multicast(
            self.network, own.identity, own.key, plain + bytes(-len(plain) % 16)
        )
        self.send_message(self.network.all.part, own.identity.part, message)
        self.counts["sent"] += 1

    def grant(self, channel, now):
        for own in self.ids:
            if own.key is None:
                continue
            if self.network.mode == wire.PSK and own.identity != channel.own:
                continue
            told = own.key.key_id in channel.told
            floor = own.key.counter if told else own.floor(now)
            channel.told.add(own.key.key_id)
            self.send_session(channel, wire.CONTROL, own.key.grant(own.identity, floor), now)

    def on_grant(self, channel, body, now):
        address, key = wire.MulticastKey.parse_grant(body)
        theirs = channel.addresses if channel.public_key else [channel.remote.address]
        if address not in theirs:
            raise Refused("a key of another")
        keys = channel.keys.setdefault(address, [])
        if any(known.key_id == key.key_id for known, _ in keys):
            return
        log(f"multicast key from {address}")
        keys.insert(0, (key, Window(key.counter)))
        del keys[2:]
        held, self.held = self.held, collections.deque(maxlen=WAITING_MAX)
        for sender_part, message, came in held:
            if now < came + RECENT:
                self.on_multicast(sender_part, message, now, came)

    def on_multicast(self, sender_part, message, now, came=None):
        if any(own.identity.part == sender_part for own in self.ids):
            return  # MQTT 3.1.1 brings us our own
        counter, key_id = wire.unpack(wire.MULTICAST_HEADER, message)[4:]
        for channel in self.channels:
            for address, keys in channel.keys.items():
                sender = self.network.identity(address)
                if sender.part != sender_part:
                    continue
                for key, window in keys:
                    if key.key_id != key_id:
                        continue
                    window.check(counter)
                    plain = wire.open_multicast(self.network, sender, key, message)
                    window.accept(counter)
                    self.deliver_all(channel, plain, address)
                    return
        self.held.append((sender_part, message, came or now))
        if came is None:
            log("a multicast key is missing: asked for it")
            notice = wire.Notice(wire.KEY_REQUEST, self.ids[0].identity.address, key_id)
            self.send_notice(notice, sender_part, self.ids[0].identity.part)

    # Receiving.

    def deliver_all(self, channel, plain, remote):
        packets = wire.parse_records(plain)
        for packet in packets:
            source = source_and_destination(packet)[0]
            if source not in (channel.addresses if channel.public_key else [remote]):
                raise Refused("source of the packet")
        for packet in packets:
            self.counts["received"] += 1
            self.deliver(packet)

    def promote(self, channel, session, now):
        if session not in channel.pending:
            return
        del channel.pending[:channel.pending.index(session) + 1]
        if session.second_choice:
            channel.previous = session
            return
        channel.use(session)
        log(f"session with {session.remote.address}: they began")
        self.ready(channel, now)

    def follow(self, channel, session, now):
        """Both began, and the other end, which goes first, uses its own session."""
        other = channel.current
        if session is not channel.previous or other is None or self.goes_first(channel):
            return
        on_the_way = other.initiator and now < other.created + RETRY
        if session.initiator != other.initiator and not on_the_way:
            channel.current, channel.previous = session, other

    def on_session(self, kind, own, sender_part, message, now):
        index, counter = wire.unpack(wire.SESSION_HEADER, message)[3:]
        channel, session = self.find_session(index)
        if session is None or session.own != own.identity or session.remote.part != sender_part:
            log("a session is not known: said so")
            notice = wire.Notice(wire.RESET, own.identity.address, index)
            self.send_notice(notice, sender_part, own.identity.part)
            return
        session.window.check(counter)
        plain = wire.open_session(session.rx_key, own.identity, message)
        session.window.accept(counter)
        self.promote(channel, session, now)
        self.follow(channel, session, now)
        channel.unanswered = 0
        if kind == wire.CONTROL:
            self.on_control(channel, session, plain, now)
            return
        if plain and plain[0] != 0 and not channel.unreplied:
            channel.unreplied = now
        self.deliver_all(channel, plain, session.remote.address)

    def on_control(self, channel, session, plain, now):
        if plain[:1] == bytes([wire.GRANT]):
            self.on_grant(channel, plain[1:], now)
        elif plain[:1] == bytes([wire.CLOSE]):
            log(f"{channel.remote.address} says goodbye")
            channel.close(session)

    # Notices.

    def send_notice(self, notice, to_part, sender_part):
        self.send_message(to_part, sender_part, wire.seal_notice(self.network, notice, to_part))

    def announce(self):
        for own in self.ids:
            notice = wire.Notice(wire.STARTED, own.identity.address)
            self.send_notice(notice, self.network.all.part, own.identity.part)

    def on_notice(self, own, to_part, sender_part, message, now):
        notice = wire.open_notice(self.network, message, to_part, sender_part)
        if self.own_id(notice.sender):
            return
        if notice.kind == wire.KEY_REQUEST:
            if own and own.key and own.key.key_id == notice.value:
                self.on_key_request(own, notice.sender, now)
            return
        for channel in self.channels:
            session = channel.current
            if session is None or notice.sender not in channel.addresses:
                continue
            if notice.kind == wire.STARTED or (
                notice.kind == wire.RESET and own and session.remote_index == notice.value
            ):
                log(f"{notice.sender} has lost our session")
                if now >= channel.hinted + HINT:
                    channel.hinted = now
                    self.begin(channel, now)

    def on_key_request(self, own, address, now):
        log(f"{address} asks for our multicast key")
        channel = self.channel(own.identity, address)
        if channel is None:
            return
        if channel.current:
            self.grant(channel, now)
        else:
            self.begin(channel, now)

    # The way in, and time.

    def receive(self, topic, message, now):
        try:
            to_part, sender_part = self.network.parse_topic(topic)
            own = next((s for s in self.ids if s.identity.part == to_part), None)
            if own is None and to_part != self.network.all.part:
                self.counts["foreign"] += 1
                return
            kind = wire.parse_type(message)
            if kind == wire.NOTICE:
                self.on_notice(own, to_part, sender_part, message, now)
            elif (kind == wire.MULTICAST) != (own is None):
                self.counts["foreign"] += 1
            elif kind == wire.MULTICAST:
                self.on_multicast(sender_part, message, now)
            elif kind == wire.INIT:
                self.on_init(own, sender_part, message, now)
            elif kind == wire.RESPONSE:
                self.on_response(own, sender_part, message, now)
            else:
                self.on_session(kind, own, sender_part, message, now)
        except Refused as reason:
            self.counts["replayed" if str(reason) == "replayed" else "bad"] += 1
            log(f"refused {message[:4].hex()} by {topic}: {reason}")

    def tick(self, now):
        for channel in self.channels:
            self.expire(channel, now)
            if channel.unreplied and now >= channel.unreplied + KEEPALIVE and channel.current:
                self.send_session(channel, wire.DATA, b"", now)
            if channel.unanswered and now >= channel.unanswered + SILENCE:
                channel.unanswered = 0
                self.begin(channel, now)
            if channel.attempt and now >= channel.attempt.retry:
                self.retry(channel, now)

    def expire(self, channel, now):
        life = self.rekey + GRACE
        if channel.current and now >= channel.current.created + life:
            channel.current = None
        if channel.previous and now >= channel.previous.created + life:
            channel.previous = None
        channel.pending = [s for s in channel.pending if now < s.created + PENDING_LIFETIME]

    def forget(self):
        for channel in self.channels:
            channel.forget()
            channel.keys.clear()

    def renew_keys(self, now):
        for own in self.ids:
            if own.key:
                own.renew(self.network.mode == wire.PUBKEY, now)


class Tunnel:
    """A TUN interface and a connection to the broker, and the node between them."""

    def __init__(self, args, network):
        self.args = args
        self.fd = open_tun(args)
        own = [args.address, *([args.address6] if args.address6 else []), *args.forward]
        self.node = Node(
            network,
            [network.identity(address) for address in own],
            lambda topic, message: self.client.publish(topic, message, qos=0),
            self.deliver,
            args.name,
            args.rekey,
        )
        for peer in args.peer:
            key, addresses = peer.split("@")
            addresses = [ipaddress.ip_address(address) for address in addresses.split(",")]
            self.node.add_peer(addresses, base64.b64decode(key))
        self.topics = [network.topic(s.identity.part, "+") for s in self.node.ids]
        self.topics.append(network.topic(network.all.part, "+"))
        self.client = mqtt.Client(args.client_id, clean_session=True, protocol=mqtt.MQTTv311)
        self.client.on_connect = self.connected
        self.client.on_subscribe = self.subscribed
        self.client.on_message = self.message_came

    def connected(self, client, _userdata, _flags, code):
        if code != 0:
            sys.exit(f"the broker refuses us: {mqtt.connack_string(code)}")
        client.subscribe([(topic, 0) for topic in self.topics])

    def subscribed(self, *_):
        self.node.announce()
        log(f"connected, subscribed to {' '.join(self.topics)}")

    def message_came(self, _client, _userdata, message):
        if message.retain or message.qos:
            self.node.counts["bad"] += 1
        else:
            self.node.receive(message.topic, message.payload, time.monotonic())

    def deliver(self, packet):
        try:
            os.write(self.fd, packet)
        except OSError as error:
            log(f"TUN: {error}")

    def read_tun(self):
        packets = []
        try:
            while len(packets) < 16:
                packets.append(os.read(self.fd, 2000))
        except BlockingIOError:
            pass
        self.node.send(packets, time.monotonic())

    def run(self):
        url = urllib.parse.urlsplit(self.args.broker)
        self.client.connect(url.hostname, url.port or 1883, keepalive=20)
        while True:
            sock = self.client.socket()
            if sock is None:
                sys.exit("connection lost")
            writers = [sock] if self.client.want_write() else []
            readers, writers, _ = select.select([self.fd, sock], writers, [], 0.1)
            if sock in readers:
                self.client.loop_read(64)
            if self.fd in readers and not self.client.want_write():
                self.read_tun()
            if writers:
                self.client.loop_write()
            self.client.loop_misc()
            self.node.tick(time.monotonic())


def open_tun(args):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", args.interface.encode(), IFF_TUN | IFF_NO_PI))
    addresses = [f"{args.address}/24"]
    if args.address6:
        addresses.append(f"{args.address6}/64")
    for each in addresses:
        option = ["nodad"] if ":" in each else ["broadcast", "+"]
        subprocess.run(["ip", "address", "add", each, "dev", args.interface, *option], check=True)
    subprocess.run(["ip", "link", "set", args.interface, "up"], check=True)
    return fd


def read_line(path):
    with open(path, encoding="utf-8") as file:
        return file.readline().rstrip("\n")


def make_network(args):
    secret = private_key = None
    if args.secret_file:
        line = read_line(args.secret_file)
        if len(line) == 44 and line.endswith("="):
            secret = base64.b64decode(line, validate=True)
        else:
            secret = wire.argon2id(line, args.network, 3, 64 * 1024)
    if args.private_key_file:
        private_key = base64.b64decode(read_line(args.private_key_file), validate=True)
    return wire.Network(args.network, secret, private_key, args.plain, args.prefix)


def parse_args():
    parser = argparse.ArgumentParser(description="A node of the native wire for tests.")
    parser.add_argument("-i", dest="interface", required=True, help="interface")
    parser.add_argument("-a", dest="address", required=True, help="IPv4 address, of a /24")
    parser.add_argument("-6", dest="address6", help="IPv6 address, of a /64")
    parser.add_argument("-b", dest="broker", required=True, help="tcp://host:port")
    parser.add_argument("-t", dest="forward", action="append", default=[],
                        help="address to receive for; may be repeated")
    parser.add_argument("-n", dest="client_id", default=f"MQTT_VPN_{random.getrandbits(31)}")
    parser.add_argument("--network", required=True, help="name of the network")
    parser.add_argument("--secret-file", help="a key in base64, or a passphrase")
    parser.add_argument("--private-key-file", help="our own key, in base64: the mode is pubkey")
    parser.add_argument("--peer", action="append", default=[], metavar="KEY@ADDRESS,...",
                        help="in the mode pubkey; may be repeated")
    parser.add_argument("--plain", action="store_true", help="addresses in topics")
    parser.add_argument("--name", default="", help="what we call ourselves")
    parser.add_argument("--rekey", type=float, default=120, help="seconds")
    parser.add_argument("--prefix", default="mqttip", help="first part of the topics")
    return parser.parse_args()


def main():
    args = parse_args()
    tunnel = Tunnel(args, make_network(args))
    node = tunnel.node
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGUSR1, lambda *_: node.forget())
    signal.signal(signal.SIGUSR2, lambda *_: node.renew_keys(time.monotonic()))
    try:
        tunnel.run()
    finally:
        log(" ".join(f"{name}={count}" for name, count in node.counts.items()))


if __name__ == "__main__":
    main()
