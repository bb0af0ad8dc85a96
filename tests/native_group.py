"""Groups on the native wire in Python, written from mqtt-vpn-protocol(7) as native_wire.py is.

What members and their key server say, the trees of keys and of slots, and what follows from them.

SPDX-License-Identifier: ISC
"""

import dataclasses
import hashlib
import ipaddress
import struct

import nacl.bindings
import nacl.exceptions
import nacl.signing

import native_wire as wire

ALL, ONE, REKEY = 0x20, 0x21, 0x31
HEADER = struct.Struct(">BBHIQII")
FLOOR_WANTED, FLOOR = 6, 7
STATIC, UPDATE, SLOTTED = 1, 2, 3
KEY_LEN = 32
SEALED_LEN = KEY_LEN + 16
HEIGHT_MAX = 16
PARTS_MAX = 256
RIGHT = 0x80
MESSAGE_MAX = 65536


# The control network.


class ControlNetwork(wire.Network):
    """Its nodes have control ids, which are handled as addresses."""

    ADDRESS = "control"

    def end(self, public_key):
        return self.identity(control_id(public_key))

    def group_part(self, group):
        return group if self.plain else wire.part_of(self.tag("group", group.encode()))


def control_id(public_key):
    return ipaddress.IPv6Address(wire.blake2b(16, b"mv1 control" + b"\0" + public_key))


# Requests and answers.


@dataclasses.dataclass(frozen=True)
class Node:
    """Of the tree of slots."""

    depth: int
    index: int
    key: bytes = None


def number(size):
    return (size, size), lambda value: value.to_bytes(size, "big"), lambda r: r.integer(size)


def key():
    return (KEY_LEN, KEY_LEN), bytes, lambda r: r.bytes(KEY_LEN)


def read_text(reader):
    text = reader.bytes(len(reader.data))
    if any(byte < 0x20 or byte == 0x7F for byte in text):
        raise wire.Refused("text")
    return text.decode()


def text_of(longest):
    return (1, longest), str.encode, read_text


def read_method(reader):
    method = reader.integer(1)
    if method not in (STATIC, UPDATE, SLOTTED):
        raise wire.Refused("method")
    return method


def read_slots(reader):
    begin, length, depth = struct.unpack(">QIB", reader.bytes(13))
    if length == 0 or not 1 <= depth <= 30:
        raise wire.Refused("slots")
    return begin, length, depth


def read_node(reader):
    node = Node(reader.integer(1), reader.integer(4), reader.bytes(KEY_LEN))
    if node.depth > 30 or node.index >= 2**node.depth:
        raise wire.Refused("cover")
    return node


def read_leaf(reader):
    leaf = reader.integer(4)
    if leaf >= 2**HEIGHT_MAX:
        raise wire.Refused("leaf")
    return leaf


def read_path(reader):
    if len(reader.data) % KEY_LEN != 0:
        raise wire.Refused("path")
    return [reader.bytes(KEY_LEN) for _ in range(len(reader.data) // KEY_LEN)]


def read_prefix(reader):
    address, length = reader.address(), reader.integer(1)
    if length > address.max_prefixlen:
        raise wire.Refused("prefix")
    return ipaddress.ip_interface((address, length))


# Name: tag, how often, lengths, to bytes, from a reader.
FIELDS = {
    name: (tag, often) + rest
    for name, tag, often, rest in (
        ("group", 1, 1, text_of(64)),
        ("wanted", 2, 1, number(8)),
        ("granted", 3, 1, number(8)),
        ("verify_key", 4, 1, key()),
        ("server_key", 5, 1, key()),
        ("public_key", 6, 1, key()),
        ("sender", 7, 1, number(4)),
        ("epoch", 8, 1, number(4)),
        ("method", 9, 1, ((1, 1), lambda method: bytes([method]), read_method)),
        ("slots", 10, 1, ((13, 13), lambda slots: struct.pack(">QIB", *slots), read_slots)),
        (
            "cover",
            11,
            58,
            ((37, 37), lambda n: struct.pack(">BI", n.depth, n.index) + n.key, read_node),
        ),
        ("leaf", 12, 1, ((4, 4), lambda leaf: leaf.to_bytes(4, "big"), read_leaf)),
        ("path", 13, 1, ((64, 544), b"".join, read_path)),
        ("lease", 14, 1, number(4)),
        ("time", 15, 1, number(8)),
        ("address", 16, 1, ((5, 17), wire.put_address, lambda r: r.address())),
        (
            "prefix",
            17,
            16,
            ((6, 18), lambda p: wire.put_address(p.ip) + bytes([p.network.prefixlen]), read_prefix),
        ),
        ("name", 18, 1, text_of(255)),
        ("reason", 19, 1, text_of(255)),
        ("nonce", 20, 1, number(8)),
    )
}
NAMES = {field[0]: name for name, field in FIELDS.items()}
# Name: type, what it needs beside the group.
TYPES = {
    "join": (0x01, {"wanted"}),
    "leave": (0x02, set()),
    "catch_up": (0x03, {"epoch"}),
    "renew": (0x04, {"epoch", "nonce"}),
    "look_up": (0x05, set()),
    "joined": (
        0x81,
        {"method", "sender", "epoch", "leaf", "path", "granted", "lease", "time", "server_key"},
    ),
    "left": (0x82, set()),
    "lease": (0x84, {"nonce", "epoch", "time", "lease"}),
    "entry": (0x85, {"sender", "public_key"}),
    "evicted": (0x86, set()),
    "refused": (0x87, {"reason"}),
}
TYPE_NAMES = {value[0]: name for name, value in TYPES.items()}


def needs_of(name, fields):
    needs = {"group"} | TYPES[name][1]
    if name == "joined" and fields.get("method") == SLOTTED:
        needs |= {"slots", "cover"}
    if name == "look_up" and "sender" not in fields:
        needs |= {"address"}
    return needs


def pack_message(name, request, fields):
    """A field that may come more than once has a list. They are written in the order of tags."""
    assert needs_of(name, fields) <= set(fields), name
    message = struct.pack(">BI", TYPES[name][0], request)
    for field in sorted(fields, key=lambda field: FIELDS[field][0]):
        tag, often, (least, most), write, _ = FIELDS[field]
        values = fields[field] if often > 1 else [fields[field]]
        assert 1 <= len(values) <= often
        for value in values:
            value = write(value)
            assert least <= len(value) <= most, field
            message += struct.pack(">BH", tag, len(value)) + value
    return message


def parse_message(message):
    """Name, number of the request, fields."""
    reader, fields = wire.Reader(message), {}
    name, request = TYPE_NAMES.get(reader.integer(1)), reader.integer(4)
    while reader.data:
        tag, value = reader.integer(1), wire.Reader(reader.bytes(reader.integer(2)))
        if tag not in NAMES and tag >= 0x80:
            continue
        if tag not in NAMES:
            raise wire.Refused("field")
        _, often, (least, most), _, read = FIELDS[NAMES[tag]]
        if not least <= len(value.data) <= most:
            raise wire.Refused("length")
        values = fields.setdefault(NAMES[tag], [])
        values.append(read(value))
        value.end()
        if len(values) > often:
            raise wire.Refused("too many")
    fields = {
        field: values if FIELDS[field][1] > 1 else values[0] for field, values in fields.items()
    }
    if name is None or not needs_of(name, fields) <= set(fields):
        raise wire.Refused("incomplete")
    return name, request, fields


# The tree of keys.


@dataclasses.dataclass(frozen=True)
class Wrap:
    level: int
    index: int
    child: int
    sealed: bytes

    @property
    def bound(self):
        return struct.pack(">BII", self.level, self.index, self.child)

    def pack(self):
        right = RIGHT if self.child % 2 else 0
        return struct.pack(">BI", self.level | right, self.index) + self.sealed

    @classmethod
    def parse(cls, reader):
        level, index = reader.integer(1), reader.integer(4)
        child = 2 * index + (1 if level & RIGHT else 0)
        return cls(level & ~RIGHT, index, child, reader.bytes(SEALED_LEN))


def seal_wrap(level, index, child, epoch, child_key, news):
    bound = Wrap(level, index, child, b"").bound
    return Wrap(level, index, child, wire.seal(child_key, epoch, bound, news))


def renewed_key(old, news):
    return wire.kdf(old, "mv1 renew", news)


@dataclasses.dataclass
class Path:
    """The keys of a member, from its leaf to the root."""

    leaf: int
    keys: list

    def concerns(self, wrap):
        return (
            wrap.level >= 1
            and wrap.index == self.leaf >> wrap.level
            and wrap.child == self.leaf >> (wrap.level - 1)
        )

    def follow(self, epoch, wraps):
        keys = list(self.keys)
        ours = sorted((wrap for wrap in wraps if self.concerns(wrap)), key=lambda wrap: wrap.level)
        while ours and len(keys) <= ours[-1].level:
            keys.append(keys[-1])
        for wrap in ours:
            news = wire.unseal(keys[wrap.level - 1], epoch, wrap.bound, wrap.sealed)
            keys[wrap.level] = renewed_key(keys[wrap.level], news)
        if not ours or ours[-1].level != len(keys) - 1:
            raise wire.Refused("root")
        self.keys = keys


# Rekeys.


def rekey_digest(group, message):
    """What is signed."""
    name = group.encode()
    text = b"mv1 rekey" + bytes([len(name)]) + name + message
    return hashlib.blake2b(text, digest_size=32).digest()


@dataclasses.dataclass
class Rekey:
    """One part."""

    group: str
    epoch: int
    part: int
    parts: int
    from_ms: int
    wraps: list

    def pack(self, signing):
        message = (
            wire.COMMON.pack(wire.VERSION, REKEY, 0)
            + struct.pack(
                ">IHHQH", self.epoch, self.part, self.parts, self.from_ms, len(self.wraps)
            )
            + b"".join(wrap.pack() for wrap in self.wraps)
        )
        return message + signing.sign(rekey_digest(self.group, message)).signature

    @classmethod
    def parse(cls, group, server_key, message):
        if not wire.SIGNATURE_LEN <= len(message) <= MESSAGE_MAX:
            raise wire.Refused("length")
        signed, signature = message[: -wire.SIGNATURE_LEN], message[-wire.SIGNATURE_LEN :]
        reader = wire.Reader(signed)
        if reader.bytes(wire.COMMON.size) != wire.COMMON.pack(wire.VERSION, REKEY, 0):
            raise wire.Refused("version, type or flags")
        epoch, part, parts, from_ms, count = struct.unpack(">IHHQH", reader.bytes(18))
        wraps = [Wrap.parse(reader) for _ in range(count)]
        reader.end()
        if part >= parts or parts > PARTS_MAX:
            raise wire.Refused("part")
        verify(server_key, rekey_digest(group, signed), signature)
        return cls(group, epoch, part, parts, from_ms, wraps)


def verify(public, message, signature):
    try:
        nacl.signing.VerifyKey(public).verify(message, signature)
    except nacl.exceptions.BadSignatureError as error:
        raise wire.Refused("signature") from error


# Slots.


def slot_key(root, depth, slot):
    """From the root's key; a node of another depth is found in the same way."""
    for bit in reversed(range(depth)):
        root = wire.kdf(root, "mv1 slot R" if slot >> bit & 1 else "mv1 slot L")
    return root


def cover(depth, first, last, node=Node(0, 0)):
    """The fewest nodes, from the left, without their keys."""
    height = depth - node.depth
    begin, end = node.index << height, (node.index + 1 << height) - 1
    if end < first or begin > last:
        return []
    if first <= begin and end <= last:
        return [node]
    children = (Node(node.depth + 1, 2 * node.index + side) for side in (0, 1))
    return [found for child in children for found in cover(depth, first, last, child)]


# Keys of messages.


def named(group):
    return bytes([len(group.encode())]) + group.encode()


def epoch_key(root, group, epoch):
    return wire.kdf(root, "mv1 epoch", named(group) + struct.pack(">I", epoch))


def traffic_key(k_epoch, group, epoch, slot=0, slot_secret=bytes(KEY_LEN)):
    data = named(group) + struct.pack(">II", epoch, slot) + slot_secret
    return wire.kdf(k_epoch, "mv1 traffic", data)


def sender_key(k_traffic, sender):
    return wire.kdf(k_traffic, "mv1 sender", struct.pack(">I", sender))


def pair_key(k_traffic, private_key, public_key, sender, receiver):
    return wire.kdf(
        k_traffic,
        "mv1 pair",
        nacl.bindings.crypto_scalarmult(private_key, public_key)
        + struct.pack(">II", sender, receiver),
    )


# Messages of the group.


def seal_message(kind, message_key, to, sender, counter, epoch, slot, plain, signing=None):
    """to is the receiver's identity, or that of all nodes."""
    flags = wire.SIGNED if signing else 0
    header = HEADER.pack(wire.VERSION, kind, flags, sender, counter, epoch, slot)
    ad = header + to.tag
    sealed = wire.seal(message_key, counter, ad, plain)
    return header + sealed + (signing.sign(ad + sealed).signature if signing else b"")


def open_message(message_key, to, message, verify_key=None):
    version, kind, flags, _, counter, _, _ = wire.unpack(HEADER, message)
    header, sealed = message[: HEADER.size], message[HEADER.size :]
    if version != wire.VERSION or kind not in (ALL, ONE):
        raise wire.Refused("version or type")
    if flags != (wire.SIGNED if verify_key else 0):
        raise wire.Refused("signature")
    if verify_key:
        sealed, signature = sealed[: -wire.SIGNATURE_LEN], sealed[-wire.SIGNATURE_LEN :]
    ad = header + to.tag
    plain = wire.unseal(message_key, counter, ad, sealed)
    if verify_key:
        verify(verify_key, ad + sealed, signature)
    return plain


def put_floor_wanted(nonce):
    return struct.pack(">BQ", FLOOR_WANTED, nonce)


def put_floor(nonce, counter):
    return struct.pack(">BQQ", FLOOR, nonce, counter)
