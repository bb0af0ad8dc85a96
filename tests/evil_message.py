"""MQTT messages as evil_broker.py takes them apart and makes them, and how commands choose among them.

SPDX-License-Identifier: ISC
"""

import struct

PUBLISH = 3
TOPIC_ALIAS = 0x23
# What an MQTT 5 PUBLISH may have: bytes of each property; a string's length counts for itself.
PROPERTY_SIZES = {0x01: 1, 0x02: 4, TOPIC_ALIAS: 2}
PROPERTY_STRINGS = {0x03: 1, 0x08: 1, 0x09: 1, 0x26: 2}
SUBSCRIPTION_ID = 0x0B
NATIVE = 0x91


class CommandError(Exception):
    """A command cannot be done."""


def encode_length(length):
    out = bytearray()
    while True:
        length, digit = divmod(length, 128)
        out.append(digit | (128 if length else 0))
        if not length:
            return bytes(out)


def take_length(data, at):
    """A variable byte integer: its value and where it ends. IndexError if data ends before."""
    value = 0
    for shift in (0, 7, 14, 21):
        digit = data[at]
        at += 1
        value |= (digit & 127) << shift
        if digit < 128:
            return value, at
    raise ValueError("not MQTT")


def take_text(data, at):
    end = at + 2 + int.from_bytes(data[at:at + 2], "big")
    if at + 2 > len(data) or end > len(data):
        raise ValueError("a string reaches beyond its packet")
    return data[at + 2:end], end


def take_alias(properties):
    """The topic alias among a message's properties, and the properties without it."""
    at = 0
    while at < len(properties):
        begin, kind = at, properties[at]
        at += 1 + PROPERTY_SIZES.get(kind, 0)
        for _ in range(PROPERTY_STRINGS.get(kind, 0)):
            _, at = take_text(properties, at)
        if kind == SUBSCRIPTION_ID:
            _, at = take_length(properties, at)
        if kind == TOPIC_ALIAS:
            alias = int.from_bytes(properties[at - 2:at], "big")
            return alias, properties[:begin] + properties[at:]
        if at == begin + 1:
            raise ValueError("a property that a message cannot have")
    return None, properties


def topic_matches(pattern, topic):
    pattern, levels = pattern.split("/"), topic.split("/")
    if pattern[-1] == "#":
        return len(levels) >= len(pattern) - 1 and all(
            part in ("+", level) for part, level in zip(pattern[:-1], levels))
    return len(pattern) == len(levels) and all(
        part in ("+", level) for part, level in zip(pattern, levels))


class Message:
    """A PUBLISH, with what is known of its way."""

    __slots__ = ("index", "direction", "client", "topic", "payload", "properties", "qos", "retain")

    def __init__(self, topic, payload, properties=b"", qos=0, retain=False):
        self.index = None
        self.direction = "down"
        self.client = None
        self.topic = topic
        self.payload = payload
        self.properties = properties
        self.qos = qos
        self.retain = retain

    @classmethod
    def parse(cls, packet, body, version, aliases):
        """A whole packet; its body begins there."""
        flags = packet[0]
        topic, at = take_text(packet, body)
        qos = flags >> 1 & 3
        at += 2 if qos else 0
        properties = b""
        if version == 5:
            length, at = take_length(packet, at)
            alias, properties = take_alias(packet[at:at + length])
            at += length
            if alias is not None:
                topic = aliases.setdefault(alias, topic) if not topic else topic
                aliases[alias] = topic
        return cls(topic.decode(errors="replace"), packet[at:], properties, qos, bool(flags & 1))

    def but(self, **changes):
        """The same with something changed."""
        other = Message(self.topic, self.payload, self.properties, self.qos, self.retain)
        other.direction, other.client = self.direction, self.client
        for name, value in changes.items():
            setattr(other, name, value)
        return other

    def under(self, topic):
        """The same under another topic: for all who subscribe to that."""
        return self.but(topic=topic, client=None)

    def encode(self, version, packet_id=0):
        topic = self.topic.encode()
        parts = [struct.pack("!H", len(topic)), topic]
        if self.qos:
            parts.append(struct.pack("!H", packet_id))
        if version == 5:
            parts += [encode_length(len(self.properties)), self.properties]
        parts.append(self.payload)
        first = PUBLISH << 4 | self.qos << 1 | self.retain
        return b"".join([bytes([first]), encode_length(sum(map(len, parts))), *parts])

    def type(self):
        return self.payload[1] if len(self.payload) > 1 and self.payload[0] == NATIVE else None

    def to_and_from(self):
        """The two last levels, or the last one alone on MQTT_VPN's wire, which has fewer."""
        levels = self.topic.split("/")
        return (levels[-2], levels[-1]) if len(levels) >= 4 else (levels[-1], None)

    def with_parts(self, to, sender):
        levels = self.topic.split("/")
        if len(levels) >= 4:
            levels[-2:] = [to, sender]
        else:
            levels[-1] = to
        return self.under("/".join(levels))

    def describe(self):
        kind = self.type()
        return " ".join([str(self.index), self.direction, "".join(self.client.split()) or "?",
                         "".join(self.topic.split()), "-" if kind is None else f"{kind:#04x}",
                         str(len(self.payload))])


class Filter:
    """Which messages a command is about."""

    KEYS = ("type", "to", "from", "topic", "client", "index", "last", "dir")

    def __init__(self, words):
        self.keys = dict(word.split("=", 1) for word in words)
        self.type = self.number("type")
        self.last = self.number("last")
        self.direction = self.keys.get("dir", "down")
        if self.direction not in ("up", "down", "any"):
            raise CommandError("dir: expected down, up or any")
        first, _, last = self.keys.get("index", "").partition("-")
        try:
            self.indices = range(int(first), int(last or first) + 1) if first else None
        except ValueError:
            raise CommandError("index: expected N or N-M") from None

    def number(self, name):
        try:
            return int(self.keys[name], 0) if name in self.keys else None
        except ValueError:
            raise CommandError(f"{name}: expected a number") from None

    def matches(self, message):
        if self.direction not in (message.direction, "any"):
            return False
        if not self.keys:
            return True
        to, sender = message.to_and_from()
        keys = self.keys
        return ((self.type is None or message.type() == self.type)
                and keys.get("to", to) == to and keys.get("from", sender) == sender
                and keys.get("client", message.client) == message.client
                and ("topic" not in keys or topic_matches(keys["topic"], message.topic))
                and (self.indices is None or message.index in self.indices))
