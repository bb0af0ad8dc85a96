#!/usr/bin/python3
"""An MQTT broker that misbehaves in one chosen way, for tests of clients.

"ok" is a correct broker for QoS 0, MQTT 3.1.1 and 5; every other case is that broker with one thing
done wrong. Each event is a line on stdout; the first one is "listening".

SPDX-License-Identifier: ISC
"""

import argparse
import collections
import itertools
import random
import socket
import ssl
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True  # the source tree stays as it is
from evil_message import topic_matches

CONNECT, CONNACK, PUBLISH, SUBSCRIBE, SUBACK = 1, 2, 3, 8, 9
UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 10, 11, 12, 13, 14
TAKEN_OVER = 0x8E

# Return codes of 3.1.1, and what MQTT 5 calls the same.
V5_OF_V3 = {1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87}
V3_OF_V5 = {v5: v3 for v3, v5 in V5_OF_V3.items()}
UNAVAILABLE_V3 = 3

print_lock = threading.Lock()


def say(*words):
    with print_lock:
        print(*words, flush=True)


def encode_length(length):
    out = bytearray()
    while True:
        length, digit = divmod(length, 128)
        out.append(digit | (128 if length else 0))
        if not length:
            return bytes(out)


def encode_string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("!H", len(data)) + data


def packet(kind, body=b"", flags=0):
    return bytes([kind << 4 | flags]) + encode_length(len(body)) + body


class Closed(Exception):
    """The connection is over, whoever ended it."""


class Broker:
    """The case "ok". A case overrides what it does differently."""

    summary = "a correct broker"

    def __init__(self, args):
        self.args = args
        self.lock = threading.Lock()
        self.sessions = []
        self.numbers = itertools.count(1)
        self.tls = None
        if args.tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(args.tls)

    def run(self):
        listener = socket.create_server((self.args.listen, self.args.port), backlog=64)
        say("listening")
        while True:
            sock, _ = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = Session(self, sock, next(self.numbers))
            threading.Thread(target=session.run, daemon=True).start()

    def accepted(self, session):
        """Before anything is read."""

    def connect(self, session):
        session.send_connack(0)

    def subscribe(self, session, packet_id, topics):
        session.send_suback(packet_id, [0] * len(topics))
        self.subscribed(session)

    def subscribed(self, session):
        """After the SUBACK."""

    def publish(self, _session, topic, payload):
        with self.lock:
            receivers = [other for other in self.sessions
                         if any(topic_matches(pattern, topic) for pattern in other.topics)]
        for other in receivers:
            try:
                other.send_publish(topic, payload)
            except Closed:
                pass

    def sent(self, session, data):
        """What is to be sent instead of data; may close."""
        return data


class Session:
    """One client."""

    def __init__(self, broker, sock, number):
        self.broker = broker
        self.sock = sock
        self.number = number
        self.version = 4
        self.keepalive = 0
        self.client_id = ""
        self.recent = collections.deque()  # of the last second: when, how many bytes
        self.topics = []
        self.bytes_sent = 0
        self.send_lock = threading.Lock()

    def run(self):
        say(f"{self.number}: accepted")
        with self.broker.lock:
            self.broker.sessions.append(self)
        try:
            self.shake_hands()
            self.broker.accepted(self)
            while True:
                self.take(*self.read_packet())
        except Closed as reason:
            say(f"{self.number}: closed: {reason}")
        finally:
            with self.broker.lock:
                self.broker.sessions.remove(self)
            self.sock.close()

    def shake_hands(self):
        if self.broker.tls:
            try:
                self.sock = self.broker.tls.wrap_socket(self.sock, server_side=True)
            except OSError as error:
                raise Closed(error) from error

    def read_exactly(self, size):
        data = bytearray()
        while len(data) < size:
            try:
                part = self.sock.recv(size - len(data))
            except OSError as error:
                raise Closed(error) from error
            if not part:
                raise Closed("by the client")
            data += part
        return bytes(data)

    def read_packet(self):
        first = self.read_exactly(1)[0]
        length = shift = 0
        while True:
            digit = self.read_exactly(1)[0]
            length |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                return first >> 4, first & 15, self.read_exactly(length)

    def take(self, kind, _flags, body):
        if kind == CONNECT:
            self.take_connect(body)
        elif kind == SUBSCRIBE:
            packet_id, topics = self.parse_subscribe(body)
            self.topics += topics
            say(f"{self.number}: SUBSCRIBE {' '.join(topics)}")
            self.broker.subscribe(self, packet_id, topics)
        elif kind == UNSUBSCRIBE:
            tail = b"\0\0" if self.version == 5 else b""
            self.send(packet(UNSUBACK, body[:2] + tail))
        elif kind == PUBLISH:
            topic, rest = self.take_string(body)
            self.broker.publish(self, topic, self.skip_properties(rest))
        elif kind == PINGREQ:
            say(f"{self.number}: PINGREQ")
            self.send(packet(PINGRESP))
        elif kind == DISCONNECT:
            raise Closed("DISCONNECT")

    def take_connect(self, body):
        _name, rest = self.take_string(body)
        self.version = rest[0]
        self.keepalive = struct.unpack("!H", rest[2:4])[0]
        self.client_id, _ = self.take_string(self.skip_properties(rest[4:]))
        say(f"{self.number}: CONNECT version={self.version} client={self.client_id} "
            f"keepalive={self.keepalive}")
        self.broker.connect(self)

    def parse_subscribe(self, body):
        packet_id, rest, topics = body[:2], self.skip_properties(body[2:]), []
        while rest:
            topic, rest = self.take_string(rest)
            topics.append(topic)
            rest = rest[1:]
        return packet_id, topics

    @staticmethod
    def take_string(data):
        length = struct.unpack("!H", data[:2])[0]
        return data[2:2 + length].decode(), data[2 + length:]

    def skip_properties(self, data):
        """MQTT 5 only; a properties' length above 127 is nothing that our client sends."""
        return data[1 + data[0]:] if self.version == 5 else data

    def send(self, data):
        with self.send_lock:
            data = self.broker.sent(self, data)
            try:
                self.sock.sendall(data)
            except OSError as error:
                raise Closed(error) from error
            self.bytes_sent += len(data)

    def properties(self):
        return b"\0" if self.version == 5 else b""

    def send_connack(self, code):
        self.send(packet(CONNACK, bytes([0, code]) + self.properties()))

    def send_suback(self, packet_id, codes):
        self.send(packet(SUBACK, packet_id + self.properties() + bytes(codes)))

    def publish_bytes(self, topic, payload, flags=0, packet_id=b""):
        body = encode_string(topic) + packet_id + self.properties() + payload
        return packet(PUBLISH, body, flags)

    def send_publish(self, topic, payload, flags=0):
        self.send(self.publish_bytes(topic, payload, flags))

    def send_forever(self, make):
        """Sends what make(count) returns, as fast as the client takes it."""
        begin = time.monotonic()
        for count in itertools.count():
            try:
                self.send(make(count))
            except Closed:
                say(f"{self.number}: {count} blocks in {time.monotonic() - begin:.1f} s")
                raise

    def wait_without_reading(self):
        """Stays until the client resets the connection; its bytes are left in the socket."""
        while True:
            time.sleep(0.2)
            state = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
            if state != 1:  # TCP_ESTABLISHED
                raise Closed("by the client")


class Garbage(Broker):
    summary = "random bytes (the same in each run) instead of MQTT, then closes"

    def accepted(self, session):
        session.send(random.Random(session.number).randbytes(4096))
        raise Closed("enough garbage")


class CloseAt(Broker):
    summary = "closes after N bytes of its answers; N-M: one more each connection, afterwards ok"

    def __init__(self, args):
        super().__init__(args)
        first, _, last = (args.arguments or ["0"])[0].partition("-")
        self.limits = range(int(first), int(last or first) + 1)
        self.repeat = not last

    def sent(self, session, data):
        index = 0 if self.repeat else session.number - 1
        if index >= len(self.limits):
            return data
        limit = self.limits[index]
        room = limit - session.bytes_sent
        if len(data) < room:
            return data
        if room > 0:
            session.sock.sendall(data[:room])
        session.sock.shutdown(socket.SHUT_RDWR)
        raise Closed(f"after {limit} bytes")


class Silent(Broker):
    summary = "accepts TCP and says nothing"

    def connect(self, session):
        pass

    def subscribe(self, session, packet_id, topics):
        pass


class NoConnack(Silent):
    summary = "never answers CONNECT"


class TlsHang(Broker):
    summary = "accepts TCP and never answers the ClientHello, nor anything"

    def accepted(self, session):
        session.wait_without_reading()


class Connack(Broker):
    summary = "answers with that CONNACK code (number of 3.1.1 or 5; the other's equal is found)"

    def connect(self, session):
        code = int(self.args.arguments[0], 0)
        if session.version == 5:
            code = V5_OF_V3.get(code, code)
        elif code >= 0x80:
            code = V3_OF_V5.get(code, UNAVAILABLE_V3)
        session.send_connack(code)
        raise Closed(f"refused with {code:#x}")


class BadProperty(Broker):
    """libmosquitto up to 2.0.x answers an unknown property with a failed assertion."""

    summary = "an MQTT 5 property that does not exist, in the connack, suback or publish"

    def where(self, session):
        return self.args.arguments[0] if session.version == 5 else "nowhere"

    def connect(self, session):
        if self.where(session) == "connack":
            session.send(packet(CONNACK, b"\0\0" + b"\2\x7f\0"))
        else:
            super().connect(session)

    def subscribe(self, session, packet_id, topics):
        if self.where(session) == "suback":
            session.send(packet(SUBACK, packet_id + b"\2\x7f\0" + bytes(len(topics))))
        else:
            super().subscribe(session, packet_id, topics)

    def subscribed(self, session):
        if self.where(session) == "publish":
            session.send(packet(PUBLISH, encode_string(session.topics[0]) + b"\2\x7f\0payload"))


class NoSuback(Broker):
    summary = "never answers SUBSCRIBE"

    def subscribe(self, session, packet_id, topics):
        pass


class SubackDenied(Broker):
    summary = "refuses every subscription"

    def subscribe(self, session, packet_id, topics):
        code = 0x87 if session.version == 5 else 0x80
        session.send_suback(packet_id, [code] * len(topics))


class DenyDelivery(Broker):
    summary = "accepts everything and delivers nothing"

    def publish(self, session, topic, payload):
        pass


class V311Only(Broker):
    summary = "refuses MQTT 5 with CONNACK 1"

    def connect(self, session):
        if session.version == 5:
            session.send(packet(CONNACK, b"\0\1"))
            raise Closed("MQTT 5 refused")
        super().connect(session)


class V311OnlyClose(Broker):
    summary = "closes when it meets MQTT 5"

    def connect(self, session):
        if session.version == 5:
            raise Closed("MQTT 5")
        super().connect(session)


class Takeover(Broker):
    summary = "after N messages (3) says that another client has the id, and closes"

    def __init__(self, args):
        super().__init__(args)
        self.after = int((args.arguments or ["3"])[0])
        self.seen = {}

    def publish(self, session, topic, payload):
        super().publish(session, topic, payload)
        self.seen[session] = self.seen.get(session, 0) + 1
        if self.seen[session] >= self.after:
            if session.version == 5:
                session.send(packet(DISCONNECT, bytes([TAKEN_OVER, 0])))
            raise Closed("taken over")


class SecondSuback(DenyDelivery):
    summary = "answers each SUBSCRIBE twice and delivers nothing"

    def subscribed(self, session):
        time.sleep(0.2)
        session.send_suback(b"\0\1", [0])


class GarbageWhenUp(Broker):
    summary = "delivers the client's first message, then sends what is not MQTT"

    def publish(self, session, topic, payload):
        super().publish(session, topic, payload)
        time.sleep(0.2)
        session.send(b"\0" * 16)


class SlowPath(Broker):
    summary = "a correct broker behind a path of N bytes/s (20000), once the client is up"

    def publish(self, session, topic, payload):
        super().publish(session, topic, payload)
        time.sleep(len(payload) / int((self.args.arguments or ["20000"])[0]))


class Huge(Broker):
    summary = "announces a message of 256 MB and sends it slowly"

    def subscribed(self, session):
        header = bytes([PUBLISH << 4]) + encode_length(268435455)
        session.send(header + encode_string(session.topics[0]))

        def drip():
            try:
                while True:
                    session.send(b"\0" * 64)
                    time.sleep(0.1)
            except Closed as reason:
                say(f"{session.number}: dripping ends: {reason}")

        threading.Thread(target=drip, daemon=True).start()


class Flood(Broker):
    summary = "messages on the client's own topic without end"

    def subscribed(self, session):
        block = session.publish_bytes(session.topics[0], b"flood") * 1000

        def flood():
            try:
                session.send_forever(lambda _count: block)
            except Closed:
                pass

        threading.Thread(target=flood, daemon=True).start()


class FloodAcross(DenyDelivery):
    """Each message of 64 bytes: with a record's 16384, all of them end in the same place of one."""

    summary = "messages without end, of which none ends with a TLS record; delivers nothing"

    def subscribed(self, session):
        if not session.topics[-1].endswith("/255.255.255.255"):  # not the last SUBSCRIBE
            return
        size = 64 - len(session.publish_bytes(session.topics[0], b""))
        message = session.publish_bytes(session.topics[0], b"\0" * size)
        block = (message[15:] + message[:15]) * 65536

        def flood():
            try:
                session.send(message[:15])
                session.send_forever(lambda _count: block)
            except Closed:
                pass

        threading.Thread(target=flood, daemon=True).start()


class FloodQos1(Broker):
    summary = "QoS 1 messages without end; never reads what comes back"

    def subscribed(self, session):
        def block(count):
            ids = range(count * 100 % 65000 + 1, count * 100 % 65000 + 101)
            return b"".join(session.publish_bytes(session.topics[0], b"flood", 2,
                                                  struct.pack("!H", number)) for number in ids)

        session.send_forever(block)


class BadPublish(Broker):
    summary = "one malformed PUBLISH: remlen, topic-overrun, bad-utf8, empty-topic or foreign"

    def subscribed(self, session):
        topic = session.topics[0]
        head = bytes([PUBLISH << 4])
        kinds = {
            "remlen": head + b"\xff\xff\xff\xff\x7f" + b"x" * 64,
            "topic-overrun": head + b"\x08" + struct.pack("!H", 4000) + b"abcdef",
            "bad-utf8": session.publish_bytes(b"mqttip/\xc0\x80\xff", b"payload"),
            "empty-topic": session.publish_bytes(b"", b"payload"),
            "foreign": session.publish_bytes("foreign/topic", b"payload")
            + session.publish_bytes(topic + "9", b"payload"),
        }
        session.send(kinds[self.args.arguments[0]])


class Retained(Broker):
    summary = "a retained message on each topic"

    def subscribed(self, session):
        for topic in session.topics:
            session.send_publish(topic, b"an old packet", 1)


class Limited(Broker):
    """Hosted brokers: each limit is NAME=NUMBER, or NAME=WORD for the last two. The end of a
    connection that goes beyond one is told as "over the limit"."""

    summary = """keeps limits: payload, rate, bandwidth (a second), filters (of a SUBSCRIBE),
                   subscriptions (of a connection), topic, slashes, client-id, keepalive-min,
                   keepalive-max; version (of CONNECT), alpn"""

    def __init__(self, args):
        super().__init__(args)
        self.limits = dict(word.split("=") for word in args.arguments)
        if "alpn" in self.limits:
            self.tls.set_alpn_protocols([self.limits["alpn"]])

    def most(self, name, value):
        limit = int(self.limits.get(name, value))
        if value > limit:
            self.refuse(f"{value} {name}, of {limit}")

    @staticmethod
    def refuse(text):
        raise Closed(f"over the limit: {text}")

    def connect(self, session):
        if "alpn" in self.limits and session.sock.selected_alpn_protocol() != self.limits["alpn"]:
            self.refuse(f"ALPN {session.sock.selected_alpn_protocol()}")
        if session.version != int(self.limits.get("version", session.version)):
            session.send(packet(CONNACK, b"\0\1"))
            self.refuse(f"version {session.version}")
        if session.keepalive < int(self.limits.get("keepalive-min", 0)):
            self.refuse(f"keepalive {session.keepalive}")
        self.most("keepalive-max", session.keepalive)
        self.most("client-id", len(session.client_id))
        super().connect(session)

    def subscribe(self, session, packet_id, topics):
        self.most("filters", len(topics))
        self.most("subscriptions", len(session.topics))
        for topic in topics:
            self.check_topic(topic)
        super().subscribe(session, packet_id, topics)

    def check_topic(self, topic):
        self.most("topic", len(topic))
        self.most("slashes", topic.count("/"))

    def publish(self, session, topic, payload):
        now = time.monotonic()
        session.recent.append((now, len(topic) + len(payload)))
        while session.recent[0][0] <= now - 1:
            session.recent.popleft()
        self.check_topic(topic)
        self.most("payload", len(payload))
        self.most("rate", len(session.recent))
        self.most("bandwidth", sum(size for _, size in session.recent))
        super().publish(session, topic, payload)


class Messages(Broker):
    summary = "the payloads given in hex, each on the client's first topic"

    def subscribed(self, session):
        for text in self.args.arguments:
            session.send_publish(session.topics[0], bytes.fromhex(text))


class SlowReader(Broker):
    summary = "reads nothing more once the client is up (it has got N messages of its own, 1)"

    def publish(self, session, topic, payload):
        super().publish(session, topic, payload)
        say(f"{session.number}: reads no more")
        session.wait_without_reading()


CASES = {
    "ok": Broker,
    "garbage": Garbage,
    "close-at": CloseAt,
    "silent": Silent,
    "no-connack": NoConnack,
    "tls-hang": TlsHang,
    "connack": Connack,
    "bad-property": BadProperty,
    "no-suback": NoSuback,
    "suback-denied": SubackDenied,
    "deny-delivery": DenyDelivery,
    "v311-only": V311Only,
    "v311-only-close": V311OnlyClose,
    "takeover": Takeover,
    "second-suback": SecondSuback,
    "garbage-when-up": GarbageWhenUp,
    "slow-path": SlowPath,
    "huge": Huge,
    "flood": Flood,
    "flood-across": FloodAcross,
    "flood-qos1": FloodQos1,
    "bad-publish": BadPublish,
    "retained": Retained,
    "limited": Limited,
    "messages": Messages,
    "slow-reader": SlowReader,
}


def main():
    parser = argparse.ArgumentParser(
        description="An MQTT broker that misbehaves.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:16} {case.summary}" for name, case in CASES.items()))
    parser.add_argument("-l", dest="listen", default="127.0.0.1", help="address to listen on")
    parser.add_argument("-p", dest="port", type=int, default=1883)
    parser.add_argument("-t", dest="tls", help="TLS with this key and certificate (PEM)")
    parser.add_argument("case", choices=CASES)
    parser.add_argument("arguments", nargs="*")
    args = parser.parse_args()
    try:
        CASES[args.case](args).run()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
