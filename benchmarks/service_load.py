"""Load of the service: many clients at once, and the same beside three that behave badly.

    python benchmarks/service_load.py ../shared/web-clips/boxing --clients 50 --seconds 60

Starts `actionclip serve` with the model `lite` on a free port. Each client uploads one clip of the
folder with three labels again and again, and waits as long as a 429 says. Half of the time, three
more clients are there: one sends garbage, one a byte a second, and one leaves before its answer.
Printed are the statuses, times of answers, requests a second and the memory of the service's
process, before and after; and the time from the start of the process to the first answer.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

LABELS = ["boxing", "riding a bicycle", "playing guitar"]
_COMMAND = "from actionclip.cli import main; main()"


@dataclass
class Load:
    """What clients got."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    """Of answers with status 200."""


async def ask_until(end: float, client: httpx2.AsyncClient, clip: bytes, load: Load) -> None:
    """Be a client that behaves well."""
    while time.monotonic() < end:
        start = time.monotonic()
        response = await client.post(
            "/v1/recognize", files={"video": ("a.mp4", clip)}, data={"labels": LABELS}
        )
        load.statuses[response.status_code] += 1
        if response.status_code == 200:
            load.seconds.append(time.monotonic() - start)
        elif response.status_code == 202:  # it waited long: the answer is a job's, not counted
            await client.delete(response.headers["location"])
        elif response.status_code == 429:
            await asyncio.sleep(float(response.headers["retry-after"]))


async def send_garbage(end: float, client: httpx2.AsyncClient) -> None:
    """Upload what is no video."""
    while time.monotonic() < end:
        await client.post("/v1/videos", files={"video": ("a.mp4", os.urandom(2**16))})
        await asyncio.sleep(0.2)


async def drip(end: float, port: int) -> None:
    """Send a byte of a body each second, until the service cuts the connection."""
    while time.monotonic() < end:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = (
            "POST /v1/recognize HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        )
        writer.write(f"{head}Content-Length: 100000\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < end:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(1)
        writer.close()


async def cancel(end: float, client: httpx2.AsyncClient, clip: bytes) -> None:
    """Ask, and leave."""
    while time.monotonic() < end:
        with contextlib.suppress(httpx2.TimeoutException):
            await client.post(
                "/v1/timeline",
                files={"video": ("a.mp4", clip)},
                data={"labels": LABELS},
                timeout=0.3,
            )


def megabytes_of(process_id: int) -> float:
    """Return the memory that a process has now."""
    status = Path(f"/proc/{process_id}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def run(folder: Path, num_clients: int, seconds: float) -> None:
    """Start the service, load it, and print."""
    clip = min((each for each in folder.rglob("*") if each.is_file()), key=_size).read_bytes()
    start = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _COMMAND, "serve", "--port", "0"), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    address = (await process.stderr.readline()).decode().split()[-1]
    port = int(address.rstrip("/").rpartition(":")[2])
    limits = httpx2.Limits(max_connections=None)
    try:
        async with httpx2.AsyncClient(base_url=address, timeout=120, limits=limits) as client:
            first = await client.post(
                "/v1/recognize", files={"video": ("a.mp4", clip)}, data={"labels": LABELS}
            )
            print(f"first answer: {time.monotonic() - start:.1f} s, {first.status_code}")
            for has_bad in (False, True):
                before, load = megabytes_of(process.pid), Load()
                end = time.monotonic() + seconds / 2
                good = [ask_until(end, client, clip, load) for _ in range(num_clients)]
                bad = [send_garbage(end, client), drip(end, port), cancel(end, client, clip)]
                start = time.monotonic()
                if has_bad:
                    await asyncio.gather(*good, *bad)
                else:
                    for unused in bad:
                        unused.close()
                    await asyncio.gather(*good)
                took = time.monotonic() - start
                if len(load.seconds) < 2:
                    raise SystemExit(f"too few answers to tell: {dict(load.statuses)}")
                shares = statistics.quantiles(load.seconds, n=100)
                print(
                    f"{'beside three bad clients' if has_bad else 'alone'}: "
                    f"{dict(load.statuses)}, p50 {shares[49]:.2f} p95 {shares[94]:.2f} "
                    f"p99 {shares[98]:.2f} s, {len(load.seconds) / took:.1f} answers/s, "
                    f"memory {before:.0f} to {megabytes_of(process.pid):.0f} MB"
                )
    finally:
        process.terminate()
        await process.wait()


def _size(path: Path) -> int:
    return path.stat().st_size


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120)
    given = parser.parse_args()
    asyncio.run(run(given.folder, given.clients, given.seconds))
