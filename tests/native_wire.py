"""The native wire in Python, written from mqtt-vpn-protocol(7) and sharing no code with mqtt-vpnd.

Keys, tags, topics and messages; what a node does with them is native_peer.py. native_vectors.py
makes of it what the unit tests compare themselves with.

SPDX-License-Identifier: ISC
"""

import base64
import dataclasses
import hashlib
import ipaddress
import struct

import dissononce.exceptions.decrypt
import nacl.bindings
import nacl.exceptions
import nacl.signing
from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x25519.x25519 import PrivateKey, PublicKey, X25519DH
from dissononce.hash.sha256 import SHA256Hash
from dissononce.processing.handshakepatterns.interactive.IK import IKHandshakePattern
from dissononce.processing.handshakepatterns.interactive.NN import NNHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState
from dissononce.processing.modifiers.psk import PSKPatternModifier

PSK, PUBKEY, GROUP = 1, 2, 3
VERSION = 0x91
INIT, RESPONSE, NOTICE, DATA, MULTICAST, CONTROL = 0x01, 0x02, 0x03, 0x10, 0x22, 0x30
SIGNED = 0x0001
RESET, STARTED, KEY_REQUEST, PROBE = 1, 2, 3, 4
GRANT, CLOSE = 1, 2
MESSAGE_MAX = 65536
MESSAGE_MIN = 1500
NAME_MAX = 63

COMMON = struct.Struct(">BBH")
SESSION_HEADER = struct.Struct(">BBHIQ")
MULTICAST_HEADER = struct.Struct(">BBHIQQ")
TAG_LEN = MAC_LEN = 16
NONCE_LEN = 24
SIGNATURE_LEN = 64


class Refused(Exception):
    """A message that must be dropped, and why."""


# Keys, tags and topics.


def blake2b(size, data, key=b""):
    return hashlib.blake2b(data, digest_size=size, key=key).digest()


def kdf(key, label, data=b""):
    label = label.encode()
    return blake2b(32, bytes([len(label)]) + label + data, key)


def salt_of(name):
    return blake2b(16, b"mv1 salt" + b"\0" + name.encode())


def argon2id(passphrase, name, passes, memory_kib):
    return nacl.bindings.crypto_pwhash_alg(
        32,
        passphrase.encode(),
        salt_of(name),
        passes,
        memory_kib * 1024,
        nacl.bindings.crypto_pwhash_ALG_ARGON2ID13,
    )


def public_key(private_key):
    return nacl.bindings.crypto_scalarmult_base(private_key)


def part_of(tag):
    return base64.urlsafe_b64encode(tag[:8]).rstrip(b"=").decode()


@dataclasses.dataclass(frozen=True)
class Identity:
    """A node's address, or None for all nodes, as the wire knows it."""

    address: object
    tag: bytes
    part: str


class Network:
    """What its members derive from a network's name, its secret (None: none) and their own key."""

    TAGS = {"network": 0, "unicast": 1, "broadcast": 2, "control": 3, "group": 4}
    # The tag of an address; a control network has another.
    ADDRESS = "unicast"

    def __init__(self, name, secret, private_key=None, plain=False, prefix="mqttip", mode=None):
        self.name = name
        self.mode = mode or (PUBKEY if private_key else PSK)
        assert secret is not None or self.mode != PSK
        self.plain = plain
        self.prefix = prefix
        self.root = secret or blake2b(32, b"mv1 public root" + b"\0" + name.encode())
        self.topic_key = kdf(self.root, "mv1 topics")
        self.handshake_key = kdf(self.root, "mv1 handshake")
        self.notice_key = kdf(self.root, "mv1 notice")
        self.psk = kdf(self.root, "mv1 psk") if secret else bytes(32)
        self.private_key = private_key
        self.public_key = public_key(private_key) if private_key else None
        self.part = name if plain else part_of(self.tag("network", name.encode()))
        tag = self.tag("broadcast")
        self.all = Identity(None, tag, "broadcast" if plain else part_of(tag))

    def tag(self, kind, name=b""):
        return blake2b(TAG_LEN, b"mv1 topic" + bytes([self.TAGS[kind]]) + name, self.topic_key)

    def identity(self, address):
        address = ipaddress.ip_address(address)
        tag = self.tag(self.ADDRESS, address.packed)
        return Identity(address, tag, address.packed.hex() if self.plain else part_of(tag))

    def topic(self, to, sender):
        """Of a message; both are parts, the sender's "+" for a subscription."""
        return "/".join([self.prefix, self.part, to, sender])

    def parse_topic(self, topic):
        """The destination's and the sender's part, whatever a bridge made of the prefix."""
        levels = topic.split("/")[-3:]
        if len(levels) < 3 or levels[0] != self.part or "" in levels:
            raise Refused("topic")
        return levels[1:]

    def mac(self, receiver, message, responder_public=b""):
        """What ends a handshake message to a receiver: the public key in first messages alone."""
        key = kdf(self.handshake_key, "mv1 mac1", responder_public + receiver.tag)
        return blake2b(MAC_LEN, message, key)


# Integers, addresses, headers.


def put_address(address):
    return bytes([address.version]) + address.packed


class Reader:
    """Takes bytes from the front; what is not there is a refusal."""

    def __init__(self, data):
        self.data = data

    def bytes(self, size):
        if len(self.data) < size:
            raise Refused("too short")
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def integer(self, size):
        return int.from_bytes(self.bytes(size), "big")

    def address(self):
        family = self.integer(1)
        if family not in (4, 6):
            raise Refused("address family")
        return ipaddress.ip_address(self.bytes(4 if family == 4 else 16))

    def end(self):
        if self.data:
            raise Refused("too long")


def parse_type(message):
    """The type of a message; its flags are checked."""
    if len(message) < COMMON.size:
        raise Refused("too short")
    version, kind, flags = COMMON.unpack_from(message)
    if version != VERSION or kind not in (INIT, RESPONSE, NOTICE, DATA, MULTICAST, CONTROL):
        raise Refused("version or type")
    if flags & ~(SIGNED if kind == MULTICAST else 0):
        raise Refused("flags")
    return kind


def unpack(header, message):
    if len(message) < header.size:
        raise Refused("too short")
    return header.unpack_from(message)


# Sealing.


def nonce_of(counter):
    return bytes(4) + struct.pack("<Q", counter)


def seal(key, counter, ad, plain):
    return nacl.bindings.crypto_aead_chacha20poly1305_ietf_encrypt(
        plain, ad, nonce_of(counter), key
    )


def unseal(key, counter, ad, sealed):
    try:
        return nacl.bindings.crypto_aead_chacha20poly1305_ietf_decrypt(
            sealed, ad, nonce_of(counter), key
        )
    except (nacl.exceptions.CryptoError, ValueError) as error:
        raise Refused("forged") from error


# Handshakes.


@dataclasses.dataclass
class Hello:
    """What both ends tell each other in their handshake messages."""

    index: int
    sender: object
    receiver: object
    name: str = ""
    features: int = 0
    max_message: int = MESSAGE_MAX

    def pack(self):
        name = self.name.encode()
        assert len(name) <= NAME_MAX
        return (
            struct.pack(">IHI", self.index, self.features, self.max_message)
            + put_address(self.sender)
            + put_address(self.receiver)
            + bytes([len(name)])
            + name
        )

    @classmethod
    def parse(cls, data):
        reader = Reader(data)
        index, features, max_message = struct.unpack(">IHI", reader.bytes(10))
        sender, receiver = reader.address(), reader.address()
        name_len = reader.integer(1)
        if name_len > NAME_MAX or max_message < MESSAGE_MIN:
            raise Refused("hello")
        name = reader.bytes(name_len).decode(errors="replace")
        return cls(index, sender, receiver, name, features, max_message)


class FixedDH(X25519DH):
    """X25519 with an ephemeral secret that is known beforehand, for check values."""

    def __init__(self, ephemeral):
        super().__init__()
        self.ephemeral = ephemeral

    def generate_keypair(self, privatekey=None):
        return super().generate_keypair(privatekey or PrivateKey(self.ephemeral))


class TellingCipher(ChaChaPolyCipher):
    """Keeps the key that was used last: a cipher state cannot be asked for it."""

    key = None

    def encrypt(self, key, nonce, ad, plaintext):
        self.key = key
        return super().encrypt(key, nonce, ad, plaintext)


def key_of(state):
    state.encrypt_with_ad(b"", b"")
    return state.cipher.key


class Handshake:
    """One handshake, at either end. After the second message: tx_key and rx_key."""

    PATTERNS = {
        PSK: PSKPatternModifier(0).modify(NNHandshakePattern()),
        PUBKEY: PSKPatternModifier(2).modify(IKHandshakePattern()),
    }

    def __init__(self, network, own, remote, initiator, remote_public=None, ephemeral=None):
        self.network = network
        self.own = own
        self.remote = remote
        self.initiator = initiator
        self.tx_key = self.rx_key = None
        dh = FixedDH(ephemeral) if ephemeral else X25519DH()
        self.state = HandshakeState(
            SymmetricState(CipherState(TellingCipher()), SHA256Hash()), dh
        )
        static = None
        if network.mode == PUBKEY:
            static = dh.generate_keypair(PrivateKey(network.private_key))
        self.state.initialize(
            self.PATTERNS[network.mode],
            initiator,
            self.prologue(remote if initiator else own),
            s=static,
            rs=PublicKey(remote_public) if remote_public else None,
            psks=[network.psk],
        )

    def prologue(self, destination):
        name = self.network.name.encode()
        return b"mv1" + bytes([self.network.mode, len(name)]) + name + destination.tag

    def split(self, states):
        if states is None:
            return
        first, second = (key_of(state) for state in states)
        self.tx_key, self.rx_key = (first, second) if self.initiator else (second, first)

    def write(self, header, hello, responder_public=b""):
        message = bytearray(header)
        self.split(self.state.write_message(hello.pack(), message))
        message = bytes(message)
        return message + self.network.mac(self.remote, message, responder_public)

    def read(self, header_len, message, responder_public=b""):
        body, mac = message[:-MAC_LEN], message[-MAC_LEN:]
        if mac != self.network.mac(self.own, body, responder_public):
            raise Refused("mac")
        payload = bytearray()
        try:
            self.split(self.state.read_message(body[header_len:], payload))
        except (dissononce.exceptions.decrypt.DecryptFailedException, ValueError) as error:
            raise Refused("forged") from error
        return Hello.parse(bytes(payload))

    def check(self, hello, sender_part):
        if self.remote is None:
            self.remote = self.network.identity(hello.sender)
        if hello.sender != self.remote.address or hello.receiver != self.own.address:
            raise Refused("address")
        if self.remote.part != sender_part:
            raise Refused("sender")

    @property
    def remote_public(self):
        return self.state.rs.data if self.state.rs else None

    @classmethod
    def begin(cls, network, own, remote, hello, remote_public=None, ephemeral=None):
        """The initiator. Returns it and the first message."""
        handshake = cls(network, own, remote, True, remote_public, ephemeral)
        header = COMMON.pack(VERSION, INIT, 0)
        return handshake, handshake.write(header, hello, remote_public or b"")

    def finish(self, message, sender_part):
        """The second message at the initiator. Returns the responder's hello."""
        hello = self.read(COMMON.size + 4, message)
        self.check(hello, sender_part)
        return hello

    @classmethod
    def accept(cls, network, own, message, sender_part, ephemeral=None):
        """The first message at the responder. Returns its side and the initiator's hello."""
        handshake = cls(network, own, None, False, ephemeral=ephemeral)
        hello = handshake.read(COMMON.size, message, network.public_key or b"")
        handshake.check(hello, sender_part)
        return handshake, hello

    def answer(self, remote_index, hello):
        """The second message."""
        header = COMMON.pack(VERSION, RESPONSE, 0) + struct.pack(">I", remote_index)
        return self.write(header, hello)


# Sessions and what is in their messages.


def seal_session(kind, key, remote_index, counter, receiver, plain):
    header = SESSION_HEADER.pack(VERSION, kind, 0, remote_index, counter)
    return header + seal(key, counter, header + receiver.tag, plain)


def open_session(key, own, message):
    counter = unpack(SESSION_HEADER, message)[4]
    header = message[:SESSION_HEADER.size]
    return unseal(key, counter, header + own.tag, message[SESSION_HEADER.size:])


def put_packet(packet):
    return struct.pack(">BH", 1, len(packet)) + packet


def parse_records(plain):
    """The packets of a message, none for a keepalive."""
    reader, packets = Reader(plain), []
    while reader.data:
        kind = reader.integer(1)
        if kind == 0:
            if any(reader.data):
                raise Refused("padding")
            break
        if kind != 1:
            raise Refused("record")
        packet = reader.bytes(reader.integer(2))
        if not packet:
            raise Refused("record")
        packets.append(packet)
    return packets


# Broadcast and multicast.


@dataclasses.dataclass
class MulticastKey:
    """A sender's key: our own with its secret to sign, another's with the key to verify."""

    key_id: int
    key: bytes
    counter: int = 0
    signing: object = None
    verify: bytes = None

    def grant(self, sender, floor):
        """A control message that hands it out."""
        verify = bytes(self.signing.verify_key) if self.signing else b""
        return (
            bytes([GRANT])
            + put_address(sender.address)
            + struct.pack(">QQ", self.key_id, floor)
            + self.key
            + bytes([1 if verify else 0])
            + verify
        )

    @classmethod
    def parse_grant(cls, body):
        """What follows the kind of the control message: the sender's address, and its key."""
        reader = Reader(body)
        address = reader.address()
        key_id, floor = struct.unpack(">QQ", reader.bytes(16))
        key, flags = reader.bytes(32), reader.integer(1)
        verify = reader.bytes(32) if flags == 1 else None
        reader.end()
        if flags > 1 or key_id == 0:
            raise Refused("grant")
        return address, cls(key_id, key, counter=floor, verify=verify)


def seal_multicast(network, sender, key, plain):
    """Counts the key's counter up."""
    flags = SIGNED if key.signing else 0
    header = MULTICAST_HEADER.pack(
        VERSION, MULTICAST, flags, int.from_bytes(sender.tag[:4], "big"), key.counter, key.key_id
    )
    ad = header + network.all.tag + sender.tag
    sealed = seal(key.key, key.counter, ad, plain)
    key.counter += 1
    signature = key.signing.sign(ad + sealed).signature if key.signing else b""
    return header + sealed + signature


def open_multicast(network, sender, key, message):
    _, _, flags, sender_id, counter, _ = unpack(MULTICAST_HEADER, message)
    header, sealed = message[:MULTICAST_HEADER.size], message[MULTICAST_HEADER.size:]
    is_signed = bool(flags & SIGNED)
    if is_signed != (key.verify is not None) or (network.mode == PUBKEY and not is_signed):
        raise Refused("signature")
    if sender_id != int.from_bytes(sender.tag[:4], "big"):
        raise Refused("sender")
    if is_signed:
        if len(sealed) < SIGNATURE_LEN:
            raise Refused("too short")
        sealed, signature = sealed[:-SIGNATURE_LEN], sealed[-SIGNATURE_LEN:]
    ad = header + network.all.tag + sender.tag
    plain = unseal(key.key, counter, ad, sealed)
    if is_signed:
        try:
            nacl.signing.VerifyKey(key.verify).verify(ad + sealed, signature)
        except nacl.exceptions.BadSignatureError as error:
            raise Refused("signature") from error
    return plain


# Notices.


@dataclasses.dataclass
class Notice:
    kind: int
    sender: object
    value: object = None  # index, key id, token

    SIZES = {RESET: 4, STARTED: 0, KEY_REQUEST: 8, PROBE: 16}

    def pack(self):
        value = self.value if isinstance(self.value, bytes) else (self.value or 0).to_bytes(
            self.SIZES[self.kind], "big"
        )
        return bytes([self.kind]) + put_address(self.sender) + value

    @classmethod
    def parse(cls, plain):
        reader = Reader(plain)
        kind, sender = reader.integer(1), reader.address()
        if kind not in cls.SIZES:
            raise Refused("notice")
        value = reader.bytes(cls.SIZES[kind])
        reader.end()
        return cls(kind, sender, value if kind == PROBE else int.from_bytes(value, "big"))


def seal_notice(network, notice, to_part, nonce=None):
    header = COMMON.pack(VERSION, NOTICE, 0)
    nonce = nonce or nacl.bindings.randombytes(NONCE_LEN)
    return header + nonce + nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
        notice.pack(), header + to_part.encode(), nonce, network.notice_key
    )


def open_notice(network, message, to_part, sender_part):
    reader = Reader(message)
    header, nonce = reader.bytes(COMMON.size), reader.bytes(NONCE_LEN)
    try:
        plain = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            reader.data, header + to_part.encode(), nonce, network.notice_key
        )
    except (nacl.exceptions.CryptoError, ValueError) as error:
        raise Refused("forged") from error
    notice = Notice.parse(plain)
    if network.identity(notice.sender).part != sender_part:
        raise Refused("sender")
    return notice
