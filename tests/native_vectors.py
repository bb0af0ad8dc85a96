#!/usr/bin/python3
"""Check values of the native wire, made by native_wire.py, which shares no code with mqtt-vpnd.

Without an argument it prints what belongs into tests/vectors/native.txt, which the unit tests read;
with "check" it says where that file differs, and exits with 1 if it does.

Each section is a function that yields names and values: bytes become hexadecimal, text and numbers
stay as they are. Names are unique in the whole file.

SPDX-License-Identifier: ISC
"""

import difflib
import os
import sys

import nacl.signing

import native_wire as wire

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors", "native.txt")
HEAD = """\
# Check values of the native wire, to be met byte for byte. Each line: name = value; bytes are in
# hexadecimal, text and numbers as they are.
#
# Computed by tests/native_vectors.py independently of this program. To change it, change that and:
#   tests/native_vectors.py >tests/vectors/native.txt
"""

SEQUENCE = bytes(range(32))
PASSPHRASE = "correct horse"
PASSES = 3
MEMORY_KIB = 64 * 1024
# Section 6.1 of RFC 7748.
PRIVATE_KEY = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
RESPONDER_KEY = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
IPV4 = ("10.0.1.2", "10.0.1.3")
IPV6 = ("fd00::2", "fd00::3")
PREFIX = "site/vpn"

# Of a handshake: who begins, both names, both indices, what each takes.
EPHEMERALS = (bytes([0x11] * 32), bytes([0x22] * 32))
INDICES = (0x01020304, 0xA1B2C3D4)
MAX_MESSAGES = (65536, 1500)
NODE_NAMES = {"psk": ("office", "Büro"), "raw": ("x", "n" * 63), "public": ("a", "b")}
ENDS = {"psk": IPV4, "raw": IPV6, "public": IPV4}

# ICMP echo request and reply between 10.0.1.2 and 10.0.1.3; a UDP packet to the broadcast address.
PACKETS = (
    bytes.fromhex("4500001c00004000400124dd0a0001020a0001030800e5ca12340001"),
    bytes.fromhex("4500001c00004000400124dd0a0001030a0001020000edca12340001"),
)
BROADCAST_PACKET = bytes.fromhex("4500001d00000000401163d00a0001020a0001ff138813880009000021")
KEY_ID = 0x1112131415161718
COUNTER = 0x0102030405060708
FLOOR = 0x0102030405060700
NONCE = bytes(range(24))


def network_of(which, plain=False, private_key=PRIVATE_KEY):
    if which == "psk":
        return wire.Network("testnet", PSK_SECRET, plain=plain, prefix=PREFIX)
    if which == "raw":
        return wire.Network("Büro-2", SEQUENCE, private_key, plain, PREFIX)
    return wire.Network("testnet", None, private_key, plain, PREFIX)


PSK_SECRET = wire.argon2id(PASSPHRASE, "testnet", PASSES, MEMORY_KIB)
SECRETS = {"psk": PSK_SECRET, "raw": SEQUENCE, "public": None}
NETWORKS = {which: network_of(which) for which in SECRETS}


def keys():
    yield "kdf_key", SEQUENCE
    yield "kdf_slot_l", wire.kdf(SEQUENCE, "mv1 slot L")
    yield "kdf_slot_r", wire.kdf(SEQUENCE, "mv1 slot R")
    yield "passphrase", PASSPHRASE
    yield "passphrase_network", "testnet"
    yield "passphrase_salt", wire.salt_of("testnet")
    yield "memory_kib", MEMORY_KIB
    yield "secret_2_passes", wire.argon2id(PASSPHRASE, "testnet", 2, MEMORY_KIB)
    yield "secret_3_passes", PSK_SECRET
    yield "private_key", PRIVATE_KEY
    yield "public_key", wire.public_key(PRIVATE_KEY)
    for which, network in NETWORKS.items():
        yield which + "_name", network.name
        if SECRETS[which]:
            yield which + "_secret", SECRETS[which]
        yield which + "_topic_key", network.topic_key
        yield which + "_handshake_key", network.handshake_key
        yield which + "_notice_key", network.notice_key
        yield which + "_noise_psk", network.psk


def tags():
    yield "ipv4", IPV4[0]
    yield "ipv6", IPV6[0]
    for which, network in NETWORKS.items():
        yield which + "_network_tag", network.tag("network", network.name.encode())
        yield which + "_ipv4_tag", network.identity(IPV4[0]).tag
        yield which + "_ipv6_tag", network.identity(IPV6[0]).tag
        yield which + "_broadcast_tag", network.all.tag


def topics():
    yield "ipv4_sender", IPV4[1]
    yield "ipv6_sender", IPV6[1]
    yield "prefix", PREFIX
    for which in NETWORKS:
        for kind, plain in (("topic", False), ("plain_topic", True)):
            network = network_of(which, plain)
            for family, ends in (("ipv4", IPV4), ("ipv6", IPV6)):
                to, sender = (network.identity(address).part for address in ends)
                yield "%s_%s_%s" % (which, family, kind), network.topic(to, sender)
            to, sender = (network.identity(address).part for address in IPV4)
            yield "%s_broadcast_%s" % (which, kind), network.topic(network.all.part, sender)
            yield "%s_subscription_%s" % (which, kind), network.topic(to, "+")


def run_handshake(which):
    """Both sides with their keys, and both messages. All topics are hashed."""
    ends = [network_of(which), network_of(which, private_key=RESPONDER_KEY)]
    ids = [ends[0].identity(address) for address in ENDS[which]]
    hellos = [
        wire.Hello(
            INDICES[i], ids[i].address, ids[1 - i].address, NODE_NAMES[which][i], 0, MAX_MESSAGES[i]
        )
        for i in range(2)
    ]
    initiator, first = wire.Handshake.begin(
        ends[0], ids[0], ids[1], hellos[0], ends[1].public_key, EPHEMERALS[0]
    )
    responder, heard = wire.Handshake.accept(
        ends[1], ids[1], first, ids[0].part, EPHEMERALS[1]
    )
    assert heard == hellos[0] and responder.remote_public == ends[0].public_key
    second = responder.answer(heard.index, hellos[1])
    assert initiator.finish(second, ids[1].part) == hellos[1]
    assert initiator.tx_key == responder.rx_key and initiator.rx_key == responder.tx_key
    return initiator, first, second


def handshake():
    yield "responder_private_key", RESPONDER_KEY
    yield "responder_public_key", wire.public_key(RESPONDER_KEY)
    yield "initiator_ephemeral", EPHEMERALS[0]
    yield "responder_ephemeral", EPHEMERALS[1]
    yield "initiator_index", INDICES[0]
    yield "responder_index", INDICES[1]
    yield "initiator_max_message", MAX_MESSAGES[0]
    yield "responder_max_message", MAX_MESSAGES[1]
    for which in NETWORKS:
        initiator, first, second = run_handshake(which)
        yield which + "_initiator", ENDS[which][0]
        yield which + "_responder", ENDS[which][1]
        yield which + "_initiator_name", NODE_NAMES[which][0]
        yield which + "_responder_name", NODE_NAMES[which][1]
        yield which + "_first_message", first
        yield which + "_second_message", second
        yield which + "_initiator_key", initiator.tx_key
        yield which + "_responder_key", initiator.rx_key


def session(kind, counter, plain):
    """A message from the initiator to the responder of the handshake in the network psk."""
    initiator = run_handshake("psk")[0]
    message = wire.seal_session(
        kind, initiator.tx_key, INDICES[1], counter, initiator.remote, plain
    )
    assert wire.open_session(initiator.tx_key, initiator.remote, message) == plain
    return message


def data():
    records = b"".join(wire.put_packet(packet) for packet in PACKETS)
    yield "data_counter", COUNTER
    yield "data_packet_1", PACKETS[0]
    yield "data_packet_2", PACKETS[1]
    yield "data_plain", records
    yield "data_message", session(wire.DATA, COUNTER, records)
    yield "padded_counter", 1
    yield "padded_plain", records + bytes(64 - len(records))
    yield "padded_message", session(wire.DATA, 1, records + bytes(64 - len(records)))
    yield "keepalive_counter", 0
    yield "keepalive_message", session(wire.DATA, 0, b"")


def multicast_key(signed):
    signing = nacl.signing.SigningKey(SEQUENCE) if signed else None
    verify = bytes(signing.verify_key) if signed else None
    return wire.MulticastKey(KEY_ID, bytes(range(32, 64)), COUNTER, signing, verify)


def control():
    sender = NETWORKS["psk"].identity(IPV4[0])
    for name, signed, counter in (("grant", False, 2), ("signed_grant", True, 3)):
        plain = multicast_key(signed).grant(sender, FLOOR)
        yield name + "_counter", counter
        yield name + "_plain", plain
        yield name + "_message", session(wire.CONTROL, counter, plain)
    yield "close_counter", 4
    yield "close_plain", bytes([wire.CLOSE])
    yield "close_message", session(wire.CONTROL, 4, bytes([wire.CLOSE]))


def multicast():
    yield "multicast_sender", IPV4[0]
    yield "multicast_key_id", KEY_ID
    yield "multicast_key", multicast_key(False).key
    yield "multicast_floor", FLOOR
    yield "multicast_counter", COUNTER
    yield "multicast_sign_seed", SEQUENCE
    yield "multicast_verify_key", multicast_key(True).verify
    yield "multicast_plain", wire.put_packet(BROADCAST_PACKET)
    for which, signed in (("psk", False), ("raw", True)):
        network, key = NETWORKS[which], multicast_key(signed)
        sender = network.identity(IPV4[0])
        message = wire.seal_multicast(
            network, sender, key, wire.put_packet(BROADCAST_PACKET)
        )
        assert wire.open_multicast(network, sender, key, message)
        yield which + "_multicast_message", message


def notices():
    values = {
        wire.RESET: INDICES[1],
        wire.STARTED: 0,
        wire.KEY_REQUEST: KEY_ID,
        wire.PROBE: b"sixteen of token",
    }
    yield "notice_nonce", NONCE
    yield "notice_from", IPV4[0]
    yield "notice_to", IPV4[1]
    yield "notice_token", values[wire.PROBE]
    for topics_, plain in (("", False), ("plain_", True)):
        network = network_of("psk", plain)
        sender, to = (network.identity(address) for address in IPV4)
        targets = {wire.RESET: to, wire.STARTED: network.all, wire.KEY_REQUEST: to}
        for name in ("reset", "started", "key_request", "probe"):
            kind = getattr(wire, name.upper())
            notice = wire.Notice(kind, sender.address, values[kind])
            part = targets.get(kind, sender).part
            message = wire.seal_notice(network, notice, part, NONCE)
            assert wire.open_notice(network, message, part, sender.part) == notice
            yield topics_ + name + "_notice", message


SECTIONS = (keys, tags, topics, handshake, data, control, multicast, notices)


def as_text(value):
    return value.hex() if isinstance(value, bytes) else str(value)


def render():
    seen = set()
    text = HEAD
    for section in SECTIONS:
        text += "\n# %s\n" % section.__name__
        for name, value in section():
            assert name not in seen, name
            seen.add(name)
            text += "%s = %s\n" % (name, as_text(value))
    return text


def check():
    with open(FILE, encoding="utf-8") as file:
        present = file.read()
    expected = render()
    sys.stdout.writelines(
        difflib.unified_diff(
            present.splitlines(True), expected.splitlines(True), FILE, "as computed", n=0
        )
    )
    return 0 if present == expected else 1


def main(arguments):
    if not arguments:
        sys.stdout.write(render())
        return 0
    if arguments == ["check"]:
        return check()
    sys.stderr.write("usage: native_vectors.py [check]\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
