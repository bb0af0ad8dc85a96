#!/usr/bin/python3
"""Check values of the native wire, made by native_wire.py, which shares no code with mqtt-vpnd.

Without an argument it prints what belongs into tests/vectors/native.txt, which the unit tests read;
with "check" it says where that file differs, and exits with 1 if it does.

Each section is a function that yields names and values: bytes become hexadecimal, text and numbers
stay as they are. Names are unique in the whole file.

SPDX-License-Identifier: ISC
"""

import difflib
import ipaddress
import os
import sys

import nacl.signing

import native_group as group
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

# A group: member 9 is in the control network with PRIVATE_KEY, the server with RESPONDER_KEY.
GROUP = "home"
OTHER_KEY = bytes(range(64, 96))
SENDERS = (9, 10)
EPOCH = 7
SLOTS = (1000000, 60, 16)
GRANTED_SLOTS = (5, 20)
SLOT = 12
TIME = 1000000 + 12 * 60000
REQUEST = 0x01020304
SIGNING = nacl.signing.SigningKey(SEQUENCE)
MEMBER_SIGNING = nacl.signing.SigningKey(bytes(range(32, 64)))


def network_of(which, plain=False, private_key=PRIVATE_KEY):
    if which == "control":
        return group.ControlNetwork("testnet", PSK_SECRET, private_key, plain, PREFIX)
    if which == "group":
        return wire.Network(GROUP, PSK_SECRET, None, plain, PREFIX, wire.GROUP)
    if which == "psk":
        return wire.Network("testnet", PSK_SECRET, plain=plain, prefix=PREFIX)
    if which == "raw":
        return wire.Network("Büro-2", SEQUENCE, private_key, plain, PREFIX)
    return wire.Network("testnet", None, private_key, plain, PREFIX)


PSK_SECRET = wire.argon2id(PASSPHRASE, "testnet", PASSES, MEMORY_KIB)
SECRETS = {"psk": PSK_SECRET, "raw": SEQUENCE, "public": None, "group": PSK_SECRET}
NETWORKS = {which: network_of(which) for which in SECRETS}
CONTROL = network_of("control")
SERVER = network_of("control", private_key=RESPONDER_KEY)
ENDS["control"] = [group.control_id(end.public_key) for end in (CONTROL, SERVER)]
NODE_NAMES["control"] = ("member", "server")


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
    for which in ENDS:
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


def control_network():
    yield "control_name", CONTROL.name
    yield "control_secret", PSK_SECRET
    yield "control_group", GROUP
    yield "control_group_tag", CONTROL.tag("group", GROUP.encode())
    for name, end in (("member", CONTROL), ("server", SERVER)):
        yield "control_%s_id" % name, group.control_id(end.public_key).packed
        yield "control_%s_tag" % name, CONTROL.end(end.public_key).tag
    for kind, plain in (("topic", False), ("plain_topic", True)):
        network = network_of("control", plain)
        member, server = (network.end(end.public_key).part for end in (CONTROL, SERVER))
        yield "control_to_server_" + kind, network.topic(server, member)
        yield "control_to_member_" + kind, network.topic(member, server)
        yield "control_to_group_" + kind, network.topic(network.group_part(GROUP), server)


def cover_nodes():
    nodes = group.cover(SLOTS[2], *GRANTED_SLOTS)
    return [
        group.Node(node.depth, node.index, group.slot_key(SEQUENCE, node.depth, node.index))
        for node in nodes
    ]


def tree_random(age, level, index):
    """As if it were drawn."""
    return wire.blake2b(32, ("%s %d %d" % (age, level, index)).encode())


def tree_news(level, index):
    """What makes the new key of the old one."""
    return tree_random("new", level, index)


def tree_key(level, index, age="old"):
    old = tree_random("old", level, index)
    return old if age == "old" else group.renewed_key(old, tree_news(level, index))


def path_of(leaf, height, renewed=()):
    nodes = [(level, leaf >> level) for level in range(height + 1)]
    return [tree_key(*node, "new" if node in renewed else "old") for node in nodes]


def requests():
    """One of each type; all fields are in some."""
    addresses = [ipaddress.ip_interface(a) for a in ("10.0.1.2/32", "fd00::2/128")]
    networks = addresses + [ipaddress.ip_interface("192.168.5.0/24")]
    joined = {
        "group": GROUP,
        "granted": 3600,
        "server_key": bytes(SIGNING.verify_key),
        "sender": SENDERS[0],
        "epoch": EPOCH,
        "method": group.UPDATE,
        "leaf": 2,
        "path": path_of(2, 3),
        "lease": 900,
        "time": TIME,
    }
    slotted = dict(joined, method=group.SLOTTED, slots=SLOTS, cover=cover_nodes())
    entry = {
        "group": GROUP,
        "granted": 3600,
        "public_key": wire.public_key(PRIVATE_KEY),
        "sender": SENDERS[0],
        "prefix": networks,
        "name": "Büro",
    }
    verify_key = bytes(MEMBER_SIGNING.verify_key)
    nonce = int.from_bytes(NONCE[:8], "big")
    lease = {"group": GROUP, "epoch": EPOCH, "lease": 900, "time": TIME, "nonce": nonce}
    address = ipaddress.ip_address("fd00::2")
    for vector, name, fields in (
        ("join", "join", {"wanted": 3600, "verify_key": verify_key, "prefix": addresses}),
        ("join_unsigned", "join", {"wanted": 0}),
        ("leave", "leave", {}),
        ("catch_up", "catch_up", {"epoch": EPOCH - 1}),
        ("renew", "renew", {"epoch": EPOCH, "nonce": nonce}),
        ("look_up_sender", "look_up", {"sender": SENDERS[1]}),
        ("look_up_address", "look_up", {"address": address}),
        ("joined", "joined", joined),
        ("joined_slotted", "joined", slotted),
        ("left", "left", {}),
        ("lease", "lease", lease),
        ("entry", "entry", dict(entry, verify_key=verify_key)),
        ("entry_unsigned", "entry", entry),
        ("evicted", "evicted", {"reason": "lost"}),
        ("refused", "refused", {"reason": "not allowed"}),
    ):
        request = 0 if name == "evicted" else REQUEST
        fields = dict(fields, group=GROUP)
        message = group.pack_message(name, request, fields)
        assert group.parse_message(message) == (name, request, fields)
        yield "keymsg_" + vector, message


def key_messages():
    yield "keymsg_request", REQUEST
    yield "keymsg_nonce", int.from_bytes(NONCE[:8], "big")
    yield "keymsg_time_ms", TIME
    yield "keymsg_verify_key", bytes(MEMBER_SIGNING.verify_key)
    yield "keymsg_path", b"".join(path_of(2, 3))
    yield from requests()


def control_session():
    """Within the session of the handshake in the control network."""
    member = run_handshake("control")[0]
    messages = dict(requests())
    for name, key, index, to, counter, plain in (
        ("control_join", member.tx_key, INDICES[1], member.remote, 0, messages["keymsg_join"]),
        ("control_joined", member.rx_key, INDICES[0], member.own, 0, messages["keymsg_joined"]),
    ):
        yield name + "_counter", counter
        yield name + "_message", wire.seal_session(wire.CONTROL, key, index, counter, to, plain)
    yield "control_keepalive_counter", 1
    yield "control_keepalive_message", wire.seal_session(
        wire.DATA, member.tx_key, INDICES[1], 1, member.remote, b""
    )
    reset = wire.Notice(wire.RESET, ENDS["control"][1], INDICES[1])
    yield "control_reset_notice", wire.seal_notice(CONTROL, reset, member.own.part, NONCE)


def slots():
    yield "slots_root", SEQUENCE
    yield "slots_begin_ms", SLOTS[0]
    yield "slots_length_s", SLOTS[1]
    yield "slots_depth", SLOTS[2]
    yield "slots_first", GRANTED_SLOTS[0]
    yield "slots_last", GRANTED_SLOTS[1]
    yield "slots_cover", b"".join(group.FIELDS["cover"][3](node) for node in cover_nodes())
    for slot in (5, SLOT, 20, 2**16 - 1):
        yield "slots_key_%d" % slot, group.slot_key(SEQUENCE, SLOTS[2], slot)


def wraps_of(epoch, renewed, used):
    """What a renewal of these nodes says, the lowest first, to those whose keys are in use."""
    wraps = []
    for level, index in renewed:
        for child in (2 * index, 2 * index + 1):
            if (level - 1, child) in used:
                age = "new" if (level - 1, child) in renewed else "old"
                below, news = tree_key(level - 1, child, age), tree_news(level, index)
                wraps.append(group.seal_wrap(level, index, child, epoch, below, news))
    return wraps


def key_tree():
    """Leaves 0 to 4 of 8 are taken, and 3 leaves: leaf 2 has most to open, leaf 4 the least."""
    epoch = EPOCH + 1
    renewed = [(1, 1), (2, 0), (3, 0)]
    used = {(level, leaf >> level) for leaf in (0, 1, 2, 4) for level in range(4)}
    wraps = wraps_of(epoch, renewed, used)
    yield "tree_epoch", epoch
    yield "tree_wraps", b"".join(wrap.pack() for wrap in wraps)
    for leaf in (2, 4):
        path = group.Path(leaf, path_of(leaf, 3))
        yield "tree_path_%d_before" % leaf, b"".join(path.keys)
        path.follow(epoch, wraps)
        assert path.keys == path_of(leaf, 3, renewed)
        yield "tree_path_%d_after" % leaf, b"".join(path.keys)
    # The member at leaf 0 was there when there were two levels less, so it has the key of (1, 0)
    # for the two above it.
    old = path_of(0, 1)
    news = tree_news(3, 0)
    grown = [group.seal_wrap(3, 0, child, epoch, old[1], news) for child in (0, 1)]
    path = group.Path(0, old)
    yield "tree_grown_wraps", b"".join(wrap.pack() for wrap in grown)
    yield "tree_grown_path_before", b"".join(path.keys)
    path.follow(epoch, grown)
    assert path.keys == [old[0], old[1], old[1], group.renewed_key(old[1], news)]
    yield "tree_grown_path_after", b"".join(path.keys)
    yield "rekey_server_sign_seed", SEQUENCE
    yield "rekey_server_key", bytes(SIGNING.verify_key)
    yield "rekey_group", GROUP
    yield "rekey_from_ms", TIME
    for name, part, parts, some in (
        ("rekey_message", 0, 1, wraps),
        ("rekey_part_1", 0, 2, wraps[:3]),
        ("rekey_part_2", 1, 2, wraps[3:]),
    ):
        rekey = group.Rekey(GROUP, epoch, part, parts, TIME, some)
        message = rekey.pack(SIGNING)
        assert group.Rekey.parse(GROUP, bytes(SIGNING.verify_key), message) == rekey
        yield name, message
    yield "rekey_epoch_key", group.epoch_key(tree_key(3, 0, "new"), GROUP, epoch)


K_EPOCH = group.epoch_key(SEQUENCE, GROUP, EPOCH)
K_SLOT = group.slot_key(SEQUENCE, SLOTS[2], SLOT)
K_TRAFFIC = {
    0: group.traffic_key(K_EPOCH, GROUP, EPOCH),
    SLOT: group.traffic_key(K_EPOCH, GROUP, EPOCH, SLOT, K_SLOT),
}


def group_keys():
    keys_ = {SENDERS[0]: PRIVATE_KEY, SENDERS[1]: OTHER_KEY}
    yield "group_root", SEQUENCE
    yield "group_epoch", EPOCH
    yield "group_slot", SLOT
    yield "group_sender", SENDERS[0]
    yield "group_receiver", SENDERS[1]
    yield "group_sender_private_key", PRIVATE_KEY
    yield "group_receiver_private_key", OTHER_KEY
    yield "group_receiver_public_key", wire.public_key(OTHER_KEY)
    yield "group_shared_secret", nacl.bindings.crypto_scalarmult(
        PRIVATE_KEY, wire.public_key(OTHER_KEY)
    )
    yield "group_epoch_key", K_EPOCH
    for slot, name in ((0, "group_"), (SLOT, "group_slot_")):
        yield name + "traffic_key", K_TRAFFIC[slot]
        yield name + "sender_key", group.sender_key(K_TRAFFIC[slot], SENDERS[0])
        for what, ends in (("pair_key", SENDERS), ("pair_key_back", SENDERS[::-1])):
            here, there = keys_[ends[0]], wire.public_key(keys_[ends[1]])
            yield name + what, group.pair_key(K_TRAFFIC[slot], here, there, *ends)


def to_all(slot, signing):
    message = group.seal_message(
        group.ALL,
        group.sender_key(K_TRAFFIC[slot], SENDERS[0]),
        NETWORKS["group"].all,
        SENDERS[0],
        COUNTER,
        EPOCH,
        slot,
        wire.put_packet(BROADCAST_PACKET),
        signing,
    )
    verify_key = bytes(signing.verify_key) if signing else None
    key = group.sender_key(K_TRAFFIC[slot], SENDERS[0])
    plain = group.open_message(key, NETWORKS["group"].all, message, verify_key)
    assert wire.parse_records(plain) == [BROADCAST_PACKET]
    return message


def to_one(slot, counter, plain, back=False):
    ends, keys_ = SENDERS, (PRIVATE_KEY, OTHER_KEY)
    to = NETWORKS["group"].identity(IPV4[0 if back else 1])
    if back:
        ends, keys_ = ends[::-1], keys_[::-1]
    key = group.pair_key(K_TRAFFIC[slot], keys_[0], wire.public_key(keys_[1]), *ends)
    message = group.seal_message(group.ONE, key, to, ends[0], counter, EPOCH, slot, plain)
    key = group.pair_key(K_TRAFFIC[slot], keys_[1], wire.public_key(keys_[0]), *ends)
    assert group.open_message(key, to, message) == plain
    return message


def group_messages():
    """From member 9 at 10.0.1.2; those to one go to member 10 at 10.0.1.3, or back."""
    nonce = int.from_bytes(NONCE[:8], "big")
    records = b"".join(wire.put_packet(packet) for packet in PACKETS[:1])
    yield "group_sender_address", IPV4[0]
    yield "group_receiver_address", IPV4[1]
    yield "group_sign_seed", bytes(MEMBER_SIGNING)
    yield "group_verify_key", bytes(MEMBER_SIGNING.verify_key)
    yield "group_counter", COUNTER
    yield "group_all_plain", wire.put_packet(BROADCAST_PACKET)
    yield "group_all_message", to_all(0, None)
    yield "group_all_signed_message", to_all(0, MEMBER_SIGNING)
    yield "group_slot_all_message", to_all(SLOT, None)
    yield "group_one_plain", records
    yield "group_one_message", to_one(0, COUNTER + 1, records)
    yield "group_slot_one_message", to_one(SLOT, COUNTER + 1, records)
    yield "group_floor_nonce", nonce
    yield "group_floor_wanted_plain", group.put_floor_wanted(nonce)
    yield "group_floor_wanted_message", to_one(0, 0, group.put_floor_wanted(nonce), True)
    yield "group_floor_counter", FLOOR
    yield "group_floor_plain", group.put_floor(nonce, FLOOR)
    yield "group_floor_message", to_one(0, COUNTER + 2, group.put_floor(nonce, FLOOR))
    network = NETWORKS["group"]
    sender, receiver = (network.identity(address) for address in IPV4)
    reset = wire.Notice(wire.RESET, receiver.address, SENDERS[0])
    notice = wire.seal_notice(network, reset, sender.part, NONCE)
    assert wire.open_notice(network, notice, sender.part, receiver.part) == reset
    yield "group_reset_notice", notice


SECTIONS = (
    keys,
    tags,
    topics,
    handshake,
    data,
    control,
    multicast,
    notices,
    control_network,
    key_messages,
    control_session,
    slots,
    key_tree,
    group_keys,
    group_messages,
)


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
