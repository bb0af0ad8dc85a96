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
    """Sends one datagram out of a device, to a unicast, broadcast or multicast address."""
    sock = socket.socket(family_of(args.address), socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if args.device:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, args.device.encode())
    sock.sendto(args.text.encode(), (args.address, args.port))


def json_value(args):
    """Prints the value that the keys lead to; "name=x" picks from a list of objects."""
    try:
        value = json.load(sys.stdin)
        for key in args.keys:
            if isinstance(value, dict):
                value = value[key]
            elif "=" in key:
                name, wanted = key.split("=", 1)
                value = next(entry for entry in value if str(entry[name]) == wanted)
            else:
                value = value[int(key)]
    except (ValueError, KeyError, IndexError, StopIteration):
        return
    if value is not None:
        print(json.dumps(value) if isinstance(value, (dict, list, bool)) else value)


def control(args):
    """Asks a control socket for its status so many times; fails if one answer takes too long."""
    worst = 0
    for _ in range(args.count):
        begin = time.monotonic()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(10)
            sock.connect(args.path)
            sock.sendall(b"status\n")
            answer = b""
            while data := sock.recv(65536):
                answer += data
        if not answer.startswith(b"ok "):
            sys.exit(f"the control socket answered {answer[:80]!r}")
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
    command("json", json_value).add_argument("keys", nargs="*")
    command("control", control, ("path", str), ("count", int), ("limit_ms", float))
    command("hold", hold, ("path", str), ("count", int), ("text", str))
    command("notify", notify, ("path", str))
    command("relay", relay, ("address", str), ("port", int), ("target", str))
    command("swallow", swallow, ("address", str), ("port", int))
    return parser.parse_args()


if __name__ == "__main__":
    arguments = parse_args()
    try:
        arguments.run(arguments)
    except KeyboardInterrupt:
        pass
