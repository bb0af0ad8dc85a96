#!/usr/bin/python3
"""A malicious MQTT broker: a proxy before an honest one, told at run time what to do.

Each client has a connection of its own to the broker behind. Commands come over the unix socket -c,
one a line; the answer is a line "ok ..." or "error ...", with tabs where it is a list.

What is done to the messages that pass on their way to clients, until it is changed:
  harmless               nothing at all; what is held back goes out now. It starts like this
  drop P [FILTER]        lose each with that probability, 0 to 1
  delay MS [FILTER]      be late
  duplicate N [FILTER]   deliver N copies more
  reorder N [FILTER]     shuffle each N messages to a client, or those of 20 ms if they are fewer; N
                         below 2 ends it
  hold on|off [FILTER]   withhold, and let go
  remap OLD NEW          rename the first part of topics, as a bridge does; remap off
  capture on|off|clear [FILTER]
                         remember what passes; up to 65536 messages or 64 MB

What is done with captured messages, once:
  list [FILTER]          index, direction, client, topic, type (hex, or -) and length of each
  count [FILTER]         how many
  show [FILTER]          the payloads in hex
  replay FILTER [N]      deliver again, N times
  flood FILTER RATE SECONDS
                         deliver again and again, RATE messages a second
  flip FILTER            deliver with one bit of the first byte changed, of the second byte, ...
  truncate FILTER        deliver cut to each shorter length
  patch FILTER OFFSET HEX
                         deliver with other bytes there
  reroute FILTER TOPIC   deliver under that topic; without a slash it is the receiver's part alone
  reflect FILTER         deliver with the sender's and the receiver's part of the topic exchanged
  retain FILTER          deliver with the retain flag
  qos FILTER [1|2]       deliver with that quality of service

What needs no capture:
  inject TOPIC HEX [client=ID]
                         deliver a payload to those who subscribe to TOPIC, or to that client even
                         if it does not; "-" is an empty one
  oversize TOPIC BYTES   the same, with so many bytes
  clients                client id and subscriptions of each
  ready                  "ok" if clients can connect, i.e. the broker behind is there

FILTER is a list of type=0x10 (second byte of a native message), to=PART and from=PART (levels of
the topic; on MQTT_VPN's wire there is no from), topic=TOPIC (wildcards are allowed), client=ID (who
sent or got it), index=N or index=N-M, last=N (of those that match), dir=down|up|any. Without dir it
means what went down to clients. A captured message is delivered to the client that got it; if that
is gone, or never was, or the topic is another now, to all who subscribe to its topic.

SPDX-License-Identifier: ISC
"""

import argparse
import asyncio
import os
import random
import socket
import sys

sys.dont_write_bytecode = True  # the source tree stays as it is
from evil_link import Link, reset
from evil_message import CommandError, Filter, Message

CAPTURE_COUNT, CAPTURE_BYTES = 65536, 64 << 20
AWAY_S = 0.02  # between two looks for the broker behind


def say(*words):
    print(*words, flush=True)


class Broker:
    """The whole proxy: where it listens, its links, and what it is told to do."""

    def __init__(self, args):
        self.args = args
        self.random = random.Random(args.seed)
        self.links = set()
        self.control = None
        self.listeners = {}  # socket: the task that accepts from it
        self.tasks = set()
        self.changed = None  # an event: the broker behind may be away
        self.rules = {}  # name: (value, filter)
        self.capturing = None  # the filter of what is captured
        self.captured = []
        self.captured_bytes = 0

    def active(self):
        return self.capturing is not None or bool(self.rules)

    async def run(self):
        self.changed = asyncio.Event()
        if os.path.exists(self.args.control):
            os.unlink(self.args.control)
        commands = Commands(self)
        self.control = await asyncio.start_unix_server(
            commands.serve, self.args.control, limit=8 << 20)
        await self.follow_broker()
        say("listening")
        while True:
            await self.changed.wait()
            self.changed.clear()
            await self.follow_broker()
            if not self.listeners:
                await asyncio.sleep(AWAY_S)
                self.changed.set()

    def look(self):
        """Something happened to the broker behind."""
        self.changed.set()

    async def follow_broker(self):
        """Listens while the broker behind does, so that clients are refused when it is away."""
        try:
            _, writer = await asyncio.open_connection(*self.args.upstream)
            writer.close()
        except OSError:
            if self.listeners:
                say("the broker is away")
            for sock, task in self.listeners.items():
                task.cancel()
                sock.close()
            self.listeners = {}
            self.changed.set()
            return
        if not self.listeners:
            say("the broker is there")
            for address in self.args.listen:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                sock = socket.create_server((address, self.args.port), family=family, backlog=64)
                sock.setblocking(False)
                self.listeners[sock] = asyncio.create_task(self.accept(sock))

    async def accept(self, listener):
        while True:
            try:
                sock, _ = await asyncio.get_running_loop().sock_accept(listener)
            except OSError as error:
                say(f"accept: {error}")
                await asyncio.sleep(AWAY_S)
                continue
            task = asyncio.create_task(self.join(sock))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def join(self, sock):
        loop = asyncio.get_running_loop()
        link = Link(self)
        try:
            await loop.create_connection(lambda: link.server, *self.args.upstream)
        except OSError:
            # A reset is the nearest to a refusal that is still possible.
            reset(sock)
            sock.close()
            self.look()
            return
        if link.server.transport.is_closing():
            sock.close()
            return
        self.links.add(link)
        await loop.connect_accepted_socket(lambda: link.client, sock)
        if not link.open():
            link.client.transport.close()

    def capture(self, message, direction, client):
        message.direction, message.client = direction, client or ""
        if not self.capturing.matches(message):
            return
        if (len(self.captured) >= CAPTURE_COUNT
                or self.captured_bytes + len(message.payload) > CAPTURE_BYTES):
            return
        message.index = len(self.captured)
        self.captured.append(message)
        self.captured_bytes += len(message.payload)

    def selected(self, wanted):
        found = [message for message in self.captured if wanted.matches(message)]
        return found[-wanted.last:] if wanted.last else found

    def receivers(self, message):
        """The client that got it, if it is there, else all who subscribe to its topic."""
        links = [link for link in self.links if link.subscribed(message.topic)]
        same = [link for link in links
                if message.direction == "down" and link.client_id == message.client]
        return same or links


class Commands:
    """The control socket."""

    def __init__(self, broker):
        self.broker = broker

    async def serve(self, reader, writer):
        try:
            while line := await reader.readline():
                answer = await self.run(line.decode(errors="replace").split())
                writer.write(answer.encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError) as error:
            say(f"control socket: {error}")
        finally:
            writer.close()

    async def run(self, words):
        command = getattr(self, f"do_{words[0]}", None) if words else None
        try:
            if command is None:
                raise CommandError("no such command")
            keys = [word for word in words[1:] if word.partition("=")[0] in Filter.KEYS
                    and "=" in word]
            rest = [word for word in words[1:] if word not in keys]
            answer = await command(Filter(keys), *rest)
        except CommandError as error:
            answer = f"error {error}"
        except (TypeError, ValueError) as error:
            answer = f"error {words[0]}: not what it takes: {error}"
        else:
            answer = "ok" if answer is None else f"ok {answer}"
        if words and words[0] != "ready":
            say(f"{' '.join(words)[:200]}: {answer[:200]!r}")
        return answer

    def rule(self, name, value, wanted):
        """Sets what is to be done, or ends it where value says that there is nothing to do."""
        if value:
            self.broker.rules[name] = (value, wanted)
        else:
            self.broker.rules.pop(name, None)
        for link in list(self.broker.links):
            link.let_go(self.broker.rules)

    def messages(self, wanted):
        found = self.broker.selected(wanted)
        if not found:
            raise CommandError("no captured message matches")
        return found

    async def send(self, messages):
        """Returns how many were delivered, each client counted."""
        total = count = 0
        for message in messages:
            for link in self.broker.receivers(message):
                total += await link.deliver(message)
            count += 1
            if count % 64 == 0:
                await asyncio.sleep(0)
        if not total:
            raise CommandError("there is no client that takes it")
        return total

    def subscribers(self, topic):
        links = [link for link in self.broker.links if link.subscribed(topic)]
        if not links:
            raise CommandError(f"no client subscribes to {topic}")
        return links

    def clients(self, client_id):
        links = [link for link in self.broker.links if link.client_id == client_id]
        if not links:
            raise CommandError(f"there is no client {client_id}")
        return links

    # Rules.

    async def do_harmless(self, _wanted):
        self.broker.capturing = None
        self.broker.rules.clear()
        self.rule("hold", None, None)

    async def do_drop(self, wanted, probability):
        self.rule("drop", float(probability), wanted)

    async def do_delay(self, wanted, milliseconds):
        self.rule("delay", max(0.0, float(milliseconds) / 1000), wanted)

    async def do_duplicate(self, wanted, copies):
        self.rule("duplicate", max(0, int(copies)), wanted)

    async def do_reorder(self, wanted, depth):
        self.rule("reorder", int(depth) if int(depth) > 1 else 0, wanted)

    async def do_hold(self, wanted, switch):
        self.rule("hold", self.switch(switch), wanted)

    async def do_remap(self, wanted, old, new=None):
        if new is None and old != "off":
            raise CommandError("expected remap OLD NEW or remap off")
        self.rule("remap", (old, new) if new is not None else None, wanted)

    async def do_capture(self, wanted, what):
        if what == "clear":
            self.broker.captured, self.broker.captured_bytes = [], 0
        else:
            if "dir" not in wanted.keys:
                wanted.direction = "any"
            self.broker.capturing = wanted if self.switch(what) else None

    @staticmethod
    def switch(word):
        if word not in ("on", "off"):
            raise CommandError("expected on or off")
        return word == "on"

    # What was captured.

    async def do_list(self, wanted):
        found = self.broker.selected(wanted)
        return "\t".join([str(len(found)), *(message.describe() for message in found)])

    async def do_count(self, wanted):
        return len(self.broker.selected(wanted))

    async def do_show(self, wanted):
        return "\t".join(message.payload.hex() or "-" for message in self.messages(wanted))

    async def do_replay(self, wanted, times=1):
        found = self.messages(wanted)
        return await self.send(message for _ in range(int(times)) for message in found)

    async def do_flood(self, wanted, rate, seconds):
        found, rate, seconds = self.messages(wanted), float(rate), float(seconds)
        loop = asyncio.get_running_loop()
        begin = loop.time()
        sent = tries = 0
        while (elapsed := loop.time() - begin) < seconds:
            while tries < elapsed * rate and loop.time() - begin < seconds:
                sent += await self.send([found[tries % len(found)]])
                tries += 1
                if tries % 64 == 0:
                    await asyncio.sleep(0)
            await asyncio.sleep(0.005)
        return sent

    async def do_flip(self, wanted):
        def flipped():
            for message in found:
                for at in range(len(message.payload)):
                    payload = bytearray(message.payload)
                    payload[at] ^= 1 << at % 8
                    yield message.but(payload=bytes(payload))

        found = self.messages(wanted)
        return await self.send(flipped())

    async def do_truncate(self, wanted):
        found = self.messages(wanted)
        return await self.send(message.but(payload=message.payload[:length])
                               for message in found for length in range(len(message.payload)))

    async def do_patch(self, wanted, offset, text):
        def patched(payload):
            if not 0 <= at <= len(payload) - len(new):
                raise CommandError(f"a message has {len(payload)} bytes only")
            return payload[:at] + new + payload[at + len(new):]

        at, new = int(offset, 0), bytes.fromhex(text)
        return await self.send([message.but(payload=patched(message.payload))
                                for message in self.messages(wanted)])

    async def do_reroute(self, wanted, topic):
        def rerouted(message):
            if "/" in topic:
                return message.under(topic)
            return message.with_parts(topic, message.to_and_from()[1])

        return await self.send([rerouted(message) for message in self.messages(wanted)])

    async def do_reflect(self, wanted):
        parts = [(message, *message.to_and_from()) for message in self.messages(wanted)]
        if any(sender is None for _, _, sender in parts):
            raise CommandError("the topics do not name the sender")
        return await self.send([message.with_parts(sender, to) for message, to, sender in parts])

    async def do_retain(self, wanted):
        return await self.send([message.but(retain=True) for message in self.messages(wanted)])

    async def do_qos(self, wanted, level=1):
        if int(level) not in (1, 2):
            raise CommandError("expected 1 or 2")
        return await self.send([message.but(qos=int(level)) for message in self.messages(wanted)])

    # New messages.

    async def do_inject(self, wanted, topic, text):
        payload = b"" if text == "-" else bytes.fromhex(text)
        links = self.clients(wanted.keys["client"]) if wanted.keys else self.subscribers(topic)
        sent = [await link.deliver(Message(topic, payload)) for link in links]
        return sum(sent)

    async def do_oversize(self, _wanted, topic, size):
        size = int(size)
        if not 0 <= size <= 268435455 - len(topic.encode()) - 3:
            raise CommandError("MQTT has no message of that size")
        block = self.broker.random.randbytes(65536)
        sent = [await link.deliver_large(topic, size, block) for link in self.subscribers(topic)]
        return sum(sent)

    async def do_clients(self, _wanted):
        links = sorted(self.broker.links, key=lambda link: link.client_id or "")
        return "\t".join([str(len(links)), *(
            " ".join([link.client_id or "?", *sorted(link.subscriptions)]) for link in links)])

    async def do_ready(self, _wanted):
        if not self.broker.listeners:
            raise CommandError("the broker behind is away")


def host_and_port(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-l", dest="listen", action="append", required=True, metavar="ADDRESS")
    parser.add_argument("-p", dest="port", type=int, default=1883)
    parser.add_argument("-u", dest="upstream", type=host_and_port, required=True,
                        metavar="HOST:PORT", help="the broker behind")
    parser.add_argument("-c", dest="control", required=True, metavar="PATH")
    parser.add_argument("-s", dest="seed", type=int, default=1, help="of what is random")
    try:
        asyncio.run(Broker(parser.parse_args()).run())
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
