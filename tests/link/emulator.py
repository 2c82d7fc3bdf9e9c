"""The program between two network namespaces: delay, loss, rate, outage and NAT rebinding.

Real kernel UDP and TCP cross it as IP packets through two TUN devices; the kernel here has no
netem. It runs as its own process and takes one command a line on stdin: "loss 0.2",
"delay_ms 100", "kbit 5000", "down", "up", "rebind", "stats", "quit".
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
CLONE_NEWNET = 0x40000000
NEAR, FAR = "10.77.0.1", "10.77.0.2"
MTU = 1_280
QUEUE_MAX = 5_000
UDP = 17
NAT_PORT_FIRST = 20_000


def run(*command: str) -> None:
    """One ip command."""
    subprocess.run(command, check=True, capture_output=True)


def open_tun(namespace: str, name: str, address: str, peer: str) -> int:
    """A TUN device inside the namespace, configured and up."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(there, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH14x", name.encode(), IFF_TUN_NO_PI))
    finally:
        libc.setns(home, CLONE_NEWNET)
        os.close(home)
        os.close(there)
    run("ip", "-n", namespace, "addr", "add", address, "peer", peer, "dev", name)
    run("ip", "-n", namespace, "link", "set", name, "mtu", str(MTU), "up")
    run("ip", "-n", namespace, "link", "set", "lo", "up")
    return tun


@dataclass
class Nat:
    """UDP source ports of the near side as the far side sees them."""

    next_port: int = NAT_PORT_FIRST
    out: dict[int, int] = field(default_factory=dict)
    back: dict[int, int] = field(default_factory=dict)

    def rebind(self) -> None:
        """Every flow gets a new port; answers to the old ones are lost."""
        self.out.clear()
        self.back.clear()

    def outward(self, packet: bytearray) -> bytearray:
        """Rewrite the source port."""
        at = (packet[0] & 15) * 4
        (port,) = struct.unpack_from("!H", packet, at)
        if port not in self.out:
            self.out[port] = self.next_port
            self.back[self.next_port] = port
            self.next_port += 1
        struct.pack_into("!H", packet, at, self.out[port])
        struct.pack_into("!H", packet, at + 6, 0)  # IPv4 UDP may go without a checksum
        return packet

    def inward(self, packet: bytearray) -> bytearray | None:
        """Rewrite the destination port; None when nobody is behind it."""
        at = (packet[0] & 15) * 4
        (port,) = struct.unpack_from("!H", packet, at + 2)
        inside = self.back.get(port)
        if inside is None:
            return None
        struct.pack_into("!H", packet, at + 2, inside)
        struct.pack_into("!H", packet, at + 6, 0)
        return packet


@dataclass
class Link:
    """The state of the link and the packets on it."""

    near: int
    far: int
    delay_ms: float = 0.0
    loss: float = 0.0
    kbit: int = 0
    up: bool = True
    nat: Nat = field(default_factory=Nat)
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    flying: list[tuple[float, int, int, bytes]] = field(default_factory=list)
    free_at: dict[int, float] = field(default_factory=dict)
    serial: int = 0
    passed: int = 0
    lost: int = 0

    def take(self, source: int, now: float) -> None:
        """Read one packet and put it on the way, or lose it."""
        packet: bytearray | None = bytearray(os.read(source, 2_048))
        target = self.far if source == self.near else self.near
        assert packet is not None
        if packet[0] >> 4 != 4:
            return
        if packet[9] == UDP:
            packet = self.nat.outward(packet) if source == self.near else self.nat.inward(packet)
        if packet is None or not self.up or self.rng.random() < self.loss:
            self.lost += 1
            return
        if len(self.flying) >= QUEUE_MAX:
            self.lost += 1
            return
        start = max(now, self.free_at.get(target, 0.0))
        on_wire = len(packet) * 8 / (self.kbit * 1_000) if self.kbit else 0.0
        self.free_at[target] = start + on_wire
        self.serial += 1
        at = start + on_wire + self.delay_ms / 1_000
        heapq.heappush(self.flying, (at, self.serial, target, bytes(packet)))

    def deliver(self, now: float) -> float:
        """Hand over what is due; seconds until the next."""
        while self.flying and self.flying[0][0] <= now:
            _at, _serial, target, packet = heapq.heappop(self.flying)
            try:
                os.write(target, packet)
                self.passed += 1
            except OSError:
                self.lost += 1
        return max(0.0, self.flying[0][0] - now) if self.flying else 1.0

    def command(self, words: list[str]) -> bool:
        """One command; False to quit."""
        match words:
            case ["loss", value]:
                self.loss = float(value)
            case ["delay_ms", value]:
                self.delay_ms = float(value)
            case ["kbit", value]:
                self.kbit = int(value)
            case ["up" | "down" as state]:
                self.up = state == "up"
            case ["rebind"]:
                self.nat.rebind()
            case ["stats"]:
                pass
            case _:
                return False
        print(json.dumps({"passed": self.passed, "lost": self.lost}), flush=True)
        return True


def main(near_namespace: str, far_namespace: str) -> None:
    """Join the two namespaces until told to quit."""
    link = Link(
        open_tun(near_namespace, "near", NEAR, FAR), open_tun(far_namespace, "far", FAR, NEAR)
    )
    print("ready", flush=True)
    wait = 1.0
    buffer = b""
    while True:
        ready, _, _ = select.select([link.near, link.far, 0], [], [], wait)
        now = time.monotonic()
        for source in ready:
            if source != 0:
                link.take(source, now)
                continue
            piece = os.read(0, 4_096)
            buffer += piece
            *lines, buffer = buffer.split(b"\n")
            if not piece or not all(link.command(line.decode().split()) for line in lines):
                return
        wait = link.deliver(time.monotonic())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
