"""What stands between one client and the broker behind evil_broker.py.

SPDX-License-Identifier: ISC
"""

import asyncio
import socket
import struct

from evil_message import PUBLISH, CommandError, Message, encode_length, take_length, take_text
from evil_message import topic_matches

CONNECT, PUBACK, PUBREC, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE = 1, 4, 5, 7, 8, 10
PUBREL_HEAD = b"\x62\x02"

LARGE = 1 << 20  # a packet above that passes unread
WRITE_MAX = 1 << 18
STORED_MAX = 16 << 20  # withheld, of each client; then the broker behind has to wait
OWN_IDS = range(0xFF00, 0x10000)  # packet ids that the broker behind never comes to
WINDOW_S = 0.02


def reset(sock):
    """Has the coming end of the connection be a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Side(asyncio.Protocol):
    """One of the two connections of a link. While it cannot take more, the other is not read."""

    def __init__(self, link, take):
        self.link = link
        self.take = take
        self.transport = None
        self.other = None
        self.full = False
        self.stalls = set()

    def connection_made(self, transport):
        self.transport = transport
        transport.set_write_buffer_limits(high=WRITE_MAX)

    def data_received(self, data):
        self.take(data)

    def pause_writing(self):
        self.full = True
        self.other.stall("full", True)

    def resume_writing(self):
        self.full = False
        self.other.stall("full", False)

    def stall(self, reason, yes):
        """Stops reading for that reason, or not any more."""
        if yes:
            self.stalls.add(reason)
            self.transport.pause_reading()
        elif self.stalls:
            self.stalls.discard(reason)
            if not self.stalls:
                self.transport.resume_reading()

    def connection_lost(self, error):
        self.link.closed(self, error)


class Pipe:
    """One direction of a link: cuts what comes into packets."""

    def __init__(self, handle, write):
        self.handle = handle
        self.write = write
        self.rest = bytearray()
        self.wanted = 0  # bytes in rest at which there is something to do
        self.skip = 0  # bytes of a large packet that are to come
        self.raw = False  # this is no MQTT

    def take(self, data):
        if self.rest:
            self.rest += data
            if len(self.rest) < self.wanted:
                return
            data, self.rest = bytes(self.rest), bytearray()
        if self.skip:
            part = data[:self.skip]
            self.skip -= len(part)
            self.write(part)
            data = data[len(part):]
        if self.raw:
            self.write(data)
        elif data:
            self.cut(data)

    def cut(self, data):
        packets, start, size = [], 0, len(data)
        self.wanted = 0
        try:
            while start < size:
                end, body = take_length(data, start + 1)
                end += body
                if end > size:
                    self.wanted = end - start
                    break
                packets.append((start, body, end))
                start = end
        except IndexError:
            pass
        except ValueError:
            self.raw = True
        if packets:
            self.handle(data, packets)
        if self.raw or self.wanted > LARGE:
            self.skip = max(0, self.wanted - (size - start))
            self.write(data[start:])
        else:
            self.rest = bytearray(data[start:])


class Link:
    """A client, its connection and the one to the broker behind."""

    def __init__(self, broker):
        self.broker = broker
        self.up = Pipe(self.from_client, self.write_up)
        self.down = Pipe(self.from_broker, self.write_unheeded)
        self.client = Side(self, self.up.take)
        self.server = Side(self, self.down.take)
        self.client.other, self.server.other = self.server, self.client
        self.client_id = None
        self.version = 4
        self.subscriptions = set()
        self.aliases = {}
        self.own_ids = set()
        self.streaming = False  # in the middle of a large packet of our own
        self.waiting = []  # packets for after it
        self.held, self.window, self.late = [], [], {}
        self.stored = 0  # bytes in these
        self.window_timer = None

    def closed(self, side, error):
        """One side is gone: the other gets what is left and goes too, or is reset as it was."""
        if not self.open():
            return
        self.broker.links.discard(self)
        if side is self.server:
            self.broker.look()
        other = side.other.transport
        if other is None:
            return
        if error is None:
            other.close()
        else:
            reset(other.get_extra_info("socket"))
            other.abort()

    def open(self):
        return self in self.broker.links

    # Upwards.

    def write_up(self, data):
        self.server.transport.write(data)

    def from_client(self, data, packets):
        begin = 0
        for start, body, end in packets:
            try:
                swallow = self.look_at(data[start] >> 4, data, start, body, end)
            except (ValueError, IndexError):
                swallow = False
            if swallow:
                self.write_up(data[begin:start])
                begin = end
        self.write_up(data[begin:packets[-1][2]])

    def look_at(self, kind, data, start, body, end):
        """True if the broker behind must not see this packet."""
        if kind == PUBLISH:
            capturing = self.broker.capturing is not None
            # What only uses an alias tells nothing new.
            if capturing or (self.version == 5 and (data[body] or data[body + 1])):
                message = Message.parse(data[start:end], body - start, self.version, self.aliases)
                if capturing:
                    self.broker.capture(message, "up", self.client_id)
        elif kind in (PUBACK, PUBREC, PUBCOMP):
            return self.acknowledged(kind, int.from_bytes(data[body:body + 2], "big"))
        elif kind == CONNECT:
            self.take_connect(data[body:end])
        elif kind in (SUBSCRIBE, UNSUBSCRIBE):
            self.take_subscribe(kind, data[body:end])
        return False

    def take_connect(self, body):
        _, at = take_text(body, 0)
        self.version = body[at]
        at += 4
        if self.version == 5:
            length, at = take_length(body, at)
            at += length
        client_id, _ = take_text(body, at)
        self.client_id = client_id.decode(errors="replace")

    def take_subscribe(self, kind, body):
        at = 2
        if self.version == 5:
            length, at = take_length(body, at)
            at += length
        while at < len(body):
            pattern, at = take_text(body, at)
            pattern = pattern.decode(errors="replace")
            if kind == SUBSCRIBE:
                at += 1
                self.subscriptions.add(pattern)
            else:
                self.subscriptions.discard(pattern)

    def acknowledged(self, kind, packet_id):
        if packet_id not in self.own_ids:
            return False
        if kind == PUBREC:
            self.write_down(PUBREL_HEAD + struct.pack("!H", packet_id))
        else:
            self.own_ids.discard(packet_id)
        return True

    # Downwards.

    def subscribed(self, topic):
        return any(topic_matches(pattern, topic) for pattern in self.subscriptions)

    def write_unheeded(self, data):
        """Of a large packet that passes; at its end what waited for that."""
        self.client.transport.write(data)
        self.write_waiting()

    def busy(self):
        return self.streaming or self.down.skip > 0

    def write_down(self, packet):
        if self.busy():
            self.waiting.append(packet)
        elif self.open():
            self.client.transport.write(packet)

    def write_waiting(self):
        if self.waiting and not self.busy():
            packets, self.waiting = self.waiting, []
            self.client.transport.write(b"".join(packets))

    def from_broker(self, data, packets):
        if not self.broker.active():
            self.write_down(data[:packets[-1][2]])
            return
        for start, body, end in packets:
            packet = data[start:end]
            if packet[0] >> 4 == PUBLISH:
                try:
                    self.attack(packet, body - start)
                    continue
                except (ValueError, IndexError):
                    pass
            self.write_down(packet)

    def attack(self, packet, body):
        """A message from the broker behind, on its way through all that is set."""
        rules = self.broker.rules
        message = Message.parse(packet, body, self.version, {})
        message.client = self.client_id
        if self.broker.capturing is not None:
            self.broker.capture(message, "down", self.client_id)

        def rule(name):
            value, wanted = rules.get(name, (0, None))
            return value if wanted is not None and wanted.matches(message) else 0

        if "remap" in rules:
            packet = self.remap(message, packet, body)
        if self.broker.random.random() < rule("drop"):
            return
        delay, reorder, hold = rule("delay"), rule("reorder"), rule("hold")
        for _ in range(1 + rule("duplicate")):
            if hold:
                self.held.append(packet)
                self.store(packet)
            elif reorder:
                self.window.append((packet, delay))
                self.store(packet)
                self.close_window(reorder)
            else:
                self.pass_on(packet, delay)

    def remap(self, message, packet, body):
        (old, new), _ = self.broker.rules["remap"]
        if not message.topic.startswith(old + "/"):
            return packet
        after = body + 2 + int.from_bytes(packet[body:body + 2], "big")
        topic = (new + message.topic[len(old):]).encode()
        rest = struct.pack("!H", len(topic)) + topic + packet[after:]
        return packet[:1] + encode_length(len(rest)) + rest

    def store(self, packet, sign=1):
        self.stored += sign * len(packet)
        if self.server.transport is not None:
            self.server.stall("stored", self.stored > STORED_MAX)

    def pass_on(self, packet, delay):
        if not delay:
            self.write_down(packet)
            return
        key = object()
        self.late[key] = packet
        self.store(packet)
        asyncio.get_running_loop().call_later(delay, self.be_late, key)

    def be_late(self, key):
        packet = self.late.pop(key, None)
        if packet is not None:
            self.store(packet, -1)
            self.write_down(packet)

    def close_window(self, size):
        if len(self.window) >= size:
            self.shuffle()
        elif self.window_timer is None:
            self.window_timer = asyncio.get_running_loop().call_later(WINDOW_S, self.shuffle)

    def shuffle(self):
        if self.window_timer is not None:
            self.window_timer.cancel()
            self.window_timer = None
        window, self.window = self.window, []
        self.broker.random.shuffle(window)
        for packet, delay in window:
            self.store(packet, -1)
            self.pass_on(packet, delay)

    def let_go(self, rules):
        """Sends what is withheld for a reason that is no more."""
        if "hold" not in rules:
            held, self.held = self.held, []
            for packet in held:
                self.store(packet, -1)
                self.write_down(packet)
        if "reorder" not in rules:
            self.shuffle()
        if "delay" not in rules:
            for key in list(self.late):
                self.be_late(key)

    # What commands send.

    async def room(self):
        """Waits until there is room for a packet. False if the client is gone."""
        while self.open() and (self.busy() or self.client.full):
            await asyncio.sleep(0.001)
        return self.open()

    async def deliver(self, message):
        """Returns the number of messages that were sent: 1, or 0 if the client is gone."""
        if not await self.room():
            return 0
        packet_id = 0
        if message.qos:
            packet_id = next((free for free in OWN_IDS if free not in self.own_ids), None)
            if packet_id is None:
                raise CommandError("too many messages that were not acknowledged")
            self.own_ids.add(packet_id)
        self.write_down(message.encode(self.version, packet_id))
        return 1

    async def deliver_large(self, topic, size, block):
        """A message of that size. Nothing else gets between its parts."""
        if not await self.room():
            return 0
        head = Message(topic, b"").encode(self.version)
        _, body = take_length(head, 1)
        head = head[body:]
        self.streaming = True
        self.server.stall("streaming", True)
        try:
            self.client.transport.write(
                bytes([PUBLISH << 4]) + encode_length(len(head) + size) + head)
            while size and self.open():
                part = block[:size]
                self.client.transport.write(part)
                size -= len(part)
                while self.open() and self.client.full:
                    await asyncio.sleep(0.001)
        finally:
            self.streaming = False
            if self.open():
                self.server.stall("streaming", False)
                self.write_waiting()
        return int(size == 0)
