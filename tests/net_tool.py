#!/usr/bin/python3
"""Small things that the namespace tests need and that no shell has.

SPDX-License-Identifier: ISC
"""

import argparse
import hashlib
import json
import os
import socket
import struct
import sys
import threading
import time

SO_RCVBUFFORCE = 33  # Python does not name these
UDP_SEGMENT = 103


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def serve(args):
    """Sends a file to everyone who connects."""
    listener = socket.socket(family_of(args.address), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((args.address, args.port))
    listener.listen()
    print("listening", flush=True)
    while True:
        client, _ = listener.accept()
        with client, open(args.file, "rb") as source:
            client.sendfile(source)


def fetch(args):
    """Reads until the end and prints the SHA-256; the rate goes to stderr."""
    digest = hashlib.sha256()
    total = 0
    begin = time.monotonic()
    with socket.create_connection((args.address, args.port), timeout=20) as server:
        while data := server.recv(65536):
            digest.update(data)
            total += len(data)
    seconds = time.monotonic() - begin
    print(f"{total} bytes, {total * 8e-6 / seconds:.0f} Mbit/s", file=sys.stderr)
    print(digest.hexdigest())


def udp_listen(args):
    """Prints "SOURCE TEXT" for each datagram that arrives at a port, groups joined on a device."""
    sock = socket.socket(socket.AF_INET6 if args.ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    sock.bind(("", args.port))
    index = socket.if_nametoindex(args.device) if args.device else 0
    for group in args.join:
        packed = socket.inet_pton(family_of(group), group)
        if ":" in group:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                            packed + struct.pack("@I", index))
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                            packed + struct.pack("@4si", b"\0\0\0\0", index))
    print("listening", flush=True)
    while True:
        data, source = sock.recvfrom(65536)
        print(source[0], data.decode(errors="replace"), flush=True)


def udp_send(args):
    """Sends a datagram, perhaps out of a device, to a unicast, broadcast or multicast address; with
    a count so many, each with its number behind the text."""
    sock = socket.socket(family_of(args.address), socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if args.device:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, args.device.encode())
    if args.source:
        sock.bind((args.source, 0))
    texts = [f"{args.text}-{i}" for i in range(args.count)] if args.count else [args.text]
    due = time.monotonic()
    for text in texts:
        time.sleep(max(0, due - time.monotonic()))
        sock.sendto(text.encode(), (args.address, args.port))
        due += 1 / args.rate


def pieces(groups):
    """So many groups of datagrams, as lists: in each all have the same length but for the last,
    which is no longer. Each has its own content, so that none can stand for another."""
    number = 0
    for group in range(groups):
        size = 100 + 97 * group % 1300
        lengths = [size] * (1 + group % 39) + [1 + 37 * group % size]
        yield [(hashlib.sha256(b"%d" % (number + i)).digest() * 44)[:length]
               for i, length in enumerate(lengths)]
        number += len(lengths)


def pieces_send(args):
    """Sends groups of datagrams, each group as one that the kernel is to cut (UDP_SEGMENT)."""
    sock = socket.socket(family_of(args.address), socket.SOCK_DGRAM)
    sock.connect((args.address, args.port))
    for group in pieces(args.groups):
        sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, len(group[0]))
        sock.send(b"".join(group))
        time.sleep(0.002)  # some 100 Mbit/s: no queue has to drop any


def pieces_receive(args):
    """Waits for these groups; fails unless each datagram comes once, in order and as it was."""
    sock = socket.socket(family_of(args.address), socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    sock.bind((args.address, args.port))
    sock.settimeout(20)
    print("listening", flush=True)
    expected = [datagram for group in pieces(args.groups) for datagram in group]
    for number, datagram in enumerate(expected):
        got = sock.recv(65536)
        if got != datagram:
            known = f"is number {expected.index(got)}" if got in expected else "is nobody's"
            sys.exit(f"instead of number {number}, {len(datagram)} bytes, came one of "
                     f"{len(got)} bytes that {known}")
    print(f"all {len(expected)} datagrams came")


def checksum(data):
    """Of the Internet (RFC 1071); of a header that has it already, 0."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def packet(args):
    """Prints a UDP datagram as an IPv4 packet, in hex, without a checksum of UDP."""
    text = args.text.encode()
    udp = struct.pack("!4H", args.port, args.port, 8 + len(text), 0) + text
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0,
                         socket.inet_aton(args.source), socket.inet_aton(args.address))
    print((header[:10] + struct.pack("!H", checksum(header)) + header[12:] + udp).hex())


def json_value(args):
    """Prints the value that the keys lead to; "name=x" picks from a list of objects the one whose
    name is x, or is a list that has x."""
    def has(entry, name, wanted):
        values = entry[name] if isinstance(entry[name], list) else [entry[name]]
        return wanted in map(str, values)

    try:
        value = json.load(sys.stdin)
        for key in args.keys:
            if isinstance(value, dict):
                value = value[key]
            elif "=" in key:
                name, wanted = key.split("=", 1)
                value = next(entry for entry in value if has(entry, name, wanted))
            else:
                value = value[int(key)]
    except (ValueError, KeyError, IndexError, StopIteration):
        return
    if value is not None:
        print(json.dumps(value) if isinstance(value, (dict, list, bool)) else value)


def ask(args):
    """Says one thing to a control socket, for those whose commands mqtt-vpnctl does not know."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(10)
        sock.connect(args.path)
        sock.sendall(f"{args.request}\n".encode())
        answer = b""
        while data := sock.recv(65536):
            answer += data
    if not answer.startswith(b"ok "):
        sys.exit(f"the control socket answered {answer[:80]!r}")


def control(args):
    """Asks a control socket for its status so many times; fails if one answer takes too long."""
    args.request = "status"
    worst = 0
    for _ in range(args.count):
        begin = time.monotonic()
        ask(args)
        worst = max(worst, (time.monotonic() - begin) * 1000)
        time.sleep(0.02)
    print(f"slowest of {args.count} answers of the control socket: {worst:.1f} ms")
    if worst > args.limit_ms:
        sys.exit(f"more than {args.limit_ms} ms")


def hold(args):
    """Connects to a unix socket so many times, sends the text and keeps all of them open."""
    kept = []
    for _ in range(args.count):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect(args.path)
            sock.send(args.text.encode())
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass
        kept.append(sock)
    print("listening", flush=True)
    time.sleep(3600)


def notify(args):
    """Stands in for a service manager: prints what arrives at NOTIFY_SOCKET."""
    if os.path.exists(args.path):
        os.unlink(args.path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(args.path)
    print("listening", flush=True)
    while True:
        print(sock.recv(4096).decode(), flush=True)


def swallow(args):
    """Takes UDP datagrams and never answers, such as a dead name server."""
    sock = socket.socket(family_of(args.address), socket.SOCK_DGRAM)
    sock.bind((args.address, args.port))
    print("listening", flush=True)
    while True:
        sock.recv(4096)
        print("swallowed", flush=True)


def relay(args):
    """Passes connections on to the same port of another address."""
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for sock in (source, sink):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    listener = socket.create_server((args.address, args.port))
    print("listening", flush=True)
    while True:
        client, _ = listener.accept()
        server = socket.create_connection((args.target, args.port))
        for pair in ((client, server), (server, client)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


def sink(args):
    """Takes what anybody sends, and throws it away."""
    def swallow_all(client):
        try:
            with client:
                while client.recv(1 << 20):
                    pass
        except OSError:
            pass

    listener = socket.create_server((args.address, args.port))
    print("listening", flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=swallow_all, args=(client,), daemon=True).start()


def source(args):
    """Sends as much as is taken, for so many seconds, over so many connections at once."""
    block = bytes(1 << 20)
    end = time.monotonic() + args.seconds
    servers = [socket.create_connection((args.address, args.port), timeout=20)
               for _ in range(args.flows)]
    totals = [0] * args.flows

    def send(i):
        with servers[i]:
            while time.monotonic() < end:
                totals[i] += servers[i].send(block)

    threads = [threading.Thread(target=send, args=(i,)) for i in range(args.flows)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = sum(totals)
    print(f"{total} bytes, {total * 8e-6 / args.seconds:.0f} Mbit/s")


def evil(args):
    """Sends a command to tests/evil_broker.py and prints the answer, a list one entry a line."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(args.path)
        sock.sendall(" ".join(args.words).encode() + b"\n")
        with sock.makefile(encoding="utf-8") as answers:
            result, _, text = answers.readline().rstrip("\n").partition(" ")
    if result != "ok":
        sys.exit(f"evil {' '.join(args.words)}: {text or 'no answer'}")
    if text:
        print(text.replace("\t", "\n"))


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)

    def command(name, run, *positional):
        sub = commands.add_parser(name, help=run.__doc__)
        sub.set_defaults(run=run)
        for argument, kind in positional:
            sub.add_argument(argument, type=kind)
        return sub

    command("serve", serve, ("address", str), ("port", int), ("file", str))
    command("fetch", fetch, ("address", str), ("port", int))
    sub = command("udp-listen", udp_listen, ("port", int))
    sub.add_argument("--device")
    sub.add_argument("--join", action="append", default=[])
    sub.add_argument("-6", dest="ipv6", action="store_true")
    sub = command("udp-send", udp_send, ("address", str), ("port", int), ("text", str))
    sub.add_argument("--device")
    sub.add_argument("--source")
    sub.add_argument("--count", type=int, default=0)
    sub.add_argument("--rate", type=float, default=5000)
    command("pieces-send", pieces_send, ("address", str), ("port", int), ("groups", int))
    command("pieces-receive", pieces_receive, ("address", str), ("port", int), ("groups", int))
    command("packet", packet, ("source", str), ("address", str), ("port", int), ("text", str))
    command("json", json_value).add_argument("keys", nargs="*")
    command("evil", evil, ("path", str)).add_argument("words", nargs=argparse.REMAINDER)
    command("ask", ask, ("path", str), ("request", str))
    command("control", control, ("path", str), ("count", int), ("limit_ms", float))
    command("hold", hold, ("path", str), ("count", int), ("text", str))
    command("notify", notify, ("path", str))
    command("relay", relay, ("address", str), ("port", int), ("target", str))
    command("sink", sink, ("address", str), ("port", int))
    sub = command("source", source, ("address", str), ("port", int), ("seconds", float))
    sub.add_argument("--flows", type=int, default=1)
    command("swallow", swallow, ("address", str), ("port", int))
    return parser.parse_args()


if __name__ == "__main__":
    arguments = parse_args()
    try:
        arguments.run(arguments)
    except KeyboardInterrupt:
        pass
