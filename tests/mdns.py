#!/usr/bin/python3
"""Announces a service by multicast DNS, or looks for it: python3-zeroconf, as any program uses it.

SPDX-License-Identifier: ISC
"""

import argparse
import signal
import socket
import sys

try:
    from zeroconf import IPVersion, ServiceInfo, Zeroconf
except ImportError:
    sys.exit(77)

TYPE = "_mqtt-vpn-test._tcp.local."
NAME = "workshop." + TYPE


def announce(zeroconf, address):
    info = ServiceInfo(TYPE, NAME, port=22, server="workshop.local.",
                       addresses=[socket.inet_aton(address)])
    zeroconf.register_service(info)
    print("listening", flush=True)
    signal.pause()


def find(zeroconf, timeout_s):
    info = zeroconf.get_service_info(TYPE, NAME, timeout=timeout_s * 1000)
    if info is None:
        sys.exit("not found")
    print(info.server, info.port, *info.parsed_addresses())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=["announce", "find"])
    parser.add_argument("address", help="our own address, on the interface to be used")
    args = parser.parse_args()
    zeroconf = Zeroconf(interfaces=[args.address], ip_version=IPVersion.V4Only)
    try:
        if args.job == "announce":
            announce(zeroconf, args.address)
        else:
            find(zeroconf, 10)
    finally:
        zeroconf.close()


if __name__ == "__main__":
    main()
