#!/usr/bin/python3
"""The other end of tests/noise_engine: dissononce, a Noise in Python that shares no code with ours.

For both patterns and both sides it runs handshakes with the engine, compares payloads, handshake
hash and static keys, and sends messages to and fro under the keys of the split. A message that was
changed on the way must end the engine.

usage: noise_peer.py PATH_OF_NOISE_ENGINE

SPDX-License-Identifier: ISC
"""

import os
import random
import subprocess
import sys

from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.hash.sha256 import SHA256Hash
from dissononce.processing.handshakepatterns.interactive.IK import IKHandshakePattern
from dissononce.processing.handshakepatterns.interactive.NN import NNHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState
from dissononce.processing.modifiers.psk import PSKPatternModifier

PATTERNS = {
    "nn": PSKPatternModifier(0).modify(NNHandshakePattern()),
    "ik": PSKPatternModifier(2).modify(IKHandshakePattern()),
}
NAMES = {
    "nn": "Noise_NNpsk0_25519_ChaChaPoly_SHA256",
    "ik": "Noise_IKpsk2_25519_ChaChaPoly_SHA256",
}
LENGTHS = (0, 1, 16, 63, 64, 65, 1000, 60000)


class Engine:
    """noise_engine as a child process."""

    def __init__(self, program, arguments):
        self.process = subprocess.Popen(
            [program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def send(self, message):
        self.process.stdin.write(message.hex() + "\n")
        self.process.stdin.flush()

    def words(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"noise_engine refused a good message: exit status {self.process.wait()}")
        # split(" "), as an empty payload is an empty word
        return [bytes.fromhex(word) for word in line[:-1].split(" ")]

    def receive(self):
        (word,) = self.words()
        return word

    def end(self):
        self.process.stdin.close()
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        return status


class Run:
    """The keys of one handshake and both of its ends."""

    def __init__(self, program, pattern, engine_initiates):
        self.pattern = pattern
        self.engine_initiates = engine_initiates
        dh = X25519DH()
        self.own, self.engines = dh.generate_keypair(), dh.generate_keypair()
        self.prologue = os.urandom(random.randrange(0, 200))
        self.psk = os.urandom(32)
        self.payload = os.urandom(random.choice(LENGTHS))
        self.engine_payload = os.urandom(random.choice(LENGTHS))
        self.engine = Engine(program, self.arguments())
        self.state = HandshakeState(
            SymmetricState(CipherState(ChaChaPolyCipher()), SHA256Hash()), dh
        )
        ik = pattern == "ik"
        self.state.initialize(
            PATTERNS[pattern],
            not engine_initiates,
            self.prologue,
            s=self.own if ik else None,
            rs=self.engines.public if ik and not engine_initiates else None,
            psks=[self.psk],
        )
        assert self.state.protocol_name == NAMES[pattern], self.state.protocol_name

    def arguments(self):
        side = "initiator" if self.engine_initiates else "responder"
        arguments = [self.pattern, side, self.prologue.hex(), self.psk.hex()]
        # Linux takes 128 KiB in one argument
        arguments.append(self.engine_payload.hex())
        if self.pattern == "ik":
            arguments.append(self.engines.private.data.hex())
            if self.engine_initiates:
                arguments.append(self.own.public.data.hex())
        return arguments

    def give(self):
        """Our message. Returns the cipher states when it is the last one."""
        message = bytearray()
        ciphers = self.state.write_message(self.payload, message)
        self.engine.send(bytes(message))
        return ciphers

    def take(self):
        """The engine's message."""
        payload = bytearray()
        ciphers = self.state.read_message(self.engine.receive(), payload)
        assert bytes(payload) == self.engine_payload, "the engine's payload"
        return ciphers

    def handshake(self):
        """Returns the cipher states: for what we send, and for what we receive."""
        if self.engine_initiates:
            self.take()
            return tuple(reversed(self.give()))
        self.give()
        return self.take()

    def compare(self):
        handshake_hash, payload, static = self.engine.words()
        assert handshake_hash == self.state.symmetricstate.get_handshake_hash(), "handshake hash"
        assert payload == self.payload, "our payload"
        expected = self.own.public.data if self.pattern == "ik" else bytes(32)
        assert static == expected, "our static key"


def talk(program, pattern, engine_initiates):
    run = Run(program, pattern, engine_initiates)
    send, receive = run.handshake()
    run.compare()
    for length in LENGTHS:
        text = os.urandom(length)
        run.engine.send(send.encrypt_with_ad(b"", text))
        assert receive.decrypt_with_ad(b"", run.engine.receive()) == text, "echo"
    assert run.engine.end() == 0, "exit status"


def forge(program, pattern, engine_initiates):
    run = Run(program, pattern, engine_initiates)
    if engine_initiates:
        run.take()
    message = bytearray()
    run.state.write_message(run.payload, message)
    message[random.randrange(len(message))] ^= 1 << random.randrange(8)
    run.engine.send(bytes(message))
    assert run.engine.end() == 1, "a forged message was taken"


def main():
    program = sys.argv[1]
    for pattern in sorted(PATTERNS):
        for engine_initiates in (True, False):
            for _ in range(10):
                talk(program, pattern, engine_initiates)
                forge(program, pattern, engine_initiates)
            print("ok:", NAMES[pattern], "we answer" if engine_initiates else "we begin")


main()
