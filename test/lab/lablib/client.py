# SPDX-License-Identifier: GPL-2.0-only
"""Real clients in the client's namespace: single requests, many of them, downloads, streams.

Source ports are chosen by the caller wherever the choice of the backend must not be left to luck:
the balancer hashes the 5-tuple with a seed that the config fixes, so the same port gives the same
backend in every run.
"""

import collections
import dataclasses
import hashlib
import socket
import threading
import time

from .lab import family
from .wait import wait_until

# The kernel sends a lost SYN again after one second (RFC 6298): a request that took longer than
# this lost a packet on the way, even though it succeeded.
RETRANSMIT_S = 0.9
SO_RCVBUFFORCE = 33  # asm-generic/socket.h: past rmem_max, which root may


@dataclasses.dataclass
class Response:
    status: int
    headers: dict
    body: bytes
    source_port: int
    took: float

    @property
    def backend(self):
        return self.headers.get("x-backend")


def _connect(address, port, source_port, timeout):
    sock = socket.socket(socket.AF_INET6 if family(address) == 6 else socket.AF_INET)
    try:
        sock.settimeout(timeout)
        if source_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("", source_port))
        sock.connect((address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def _request(sock, address, path):
    host = f"[{address}]" if ":" in address else address
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())


def _read_head(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = sock.recv(65536)
        if not chunk:
            raise ConnectionError(f"connection closed inside the response head: {data!r}")
        data += chunk
    head, rest = data.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        key, value = line.split(":", 1)
        headers[key.lower()] = value.strip()
    return int(lines[0].split()[1]), headers, rest


def _get(address, port, path, source_port, timeout):
    start = time.monotonic()
    with _connect(address, port, source_port, timeout) as sock:
        local_port = sock.getsockname()[1]
        _request(sock, address, path)
        status, headers, body = _read_head(sock)
        chunks = [body]
        while chunk := sock.recv(1 << 16):
            chunks.append(chunk)
    body = b"".join(chunks)
    if len(body) != int(headers.get("content-length", len(body))):
        raise ConnectionError(f"{len(body)} bytes of {headers['content-length']}")
    return Response(status, headers, body, local_port, time.monotonic() - start)


class Client:
    def __init__(self, ns):
        self.ns = ns

    def get(self, address, path="/", port=80, source_port=None, timeout=3):
        with self.ns.enter():
            return _get(address, port, path, source_port, timeout)

    def backend_of(self, address, source_port, timeout=3):
        """Which backend serves a connection from this port."""
        return self.get(address, source_port=source_port, timeout=timeout).backend

    def source_port_for(self, address, backend, first=30000):
        """The first source port from `first` on whose connections go to `backend`."""
        with self.ns.enter():
            for port in range(first, first + 500):
                if _get(address, 80, "/", port, 3).backend == backend:
                    return port
        raise AssertionError(f"no source port reaches {backend} through {address}")

    def get_many(self, address, n, first_port=20000, threads=8, timeout=5):
        """n connections from n source ports: a Tally."""
        tally = Tally()
        ports = iter(range(first_port, first_port + n))
        lock = threading.Lock()

        def work():
            self.ns.enter_for_good()
            while True:
                with lock:
                    port = next(ports, None)
                if port is None:
                    return
                try:
                    tally.add(_get(address, 80, "/", port, timeout))
                except OSError as e:
                    tally.fail(f"port {port}: {e}")

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
        return tally

    def mapping(self, address, ports):
        """{source port: backend's name} for each of these ports."""
        with self.ns.enter():
            return {p: _get(address, 80, "/", p, 3).backend for p in ports}


class Tally:
    def __init__(self):
        self.counts = collections.Counter()
        self.errors = []
        self.slow = []
        self._lock = threading.Lock()

    def add(self, response):
        with self._lock:
            if response.status != 200:
                self.errors.append(f"port {response.source_port}: status {response.status}")
            else:
                self.counts[response.backend] += 1
            if response.took > RETRANSMIT_S:
                self.slow.append((response.source_port, response.took))

    def fail(self, text):
        with self._lock:
            self.errors.append(text)

    @property
    def total(self):
        return sum(self.counts.values())

    def assert_clean(self, lossless=True):
        """No request failed; and, if `lossless`, none needed a retransmission of its SYN."""
        assert not self.errors, f"{len(self.errors)} requests failed, first: {self.errors[:3]}"
        if lossless:
            assert not self.slow, f"packets were lost: requests took {self.slow[:3]} s"


def assert_shares(counts, weights, sigma=5.0, grain=0.01):
    """Asserts that the counts per backend fit the weights.

    Each share may be off by `sigma` standard deviations of the binomial distribution, and by
    `grain` for the table's granularity.
    """
    n = sum(counts.values())
    total = sum(weights.values())
    strangers = set(counts) - {b for b, w in weights.items() if w}
    assert not strangers, f"served by {strangers}, who should serve nothing: {dict(counts)}"
    for backend, weight in weights.items():
        p = weight / total
        bound = sigma * (p * (1 - p) / n) ** 0.5 + grain
        share = counts.get(backend, 0) / n
        assert abs(share - p) <= bound, (
            f"{backend} served {share:.3f} of {n}, expected {p:.3f} ± {bound:.3f}: {dict(counts)}")


class _Thread(threading.Thread):
    """A thread in a namespace; its exception is re-raised by finish()."""

    def __init__(self, ns):
        super().__init__(daemon=True)
        self._ns = ns
        self.error = None

    def run(self):
        try:
            self._ns.enter_for_good()
            self.work()
        except Exception as e:
            self.error = e

    def finish(self, timeout):
        self.join(timeout)
        if self.is_alive():
            raise AssertionError(f"{type(self).__name__} did not end in {timeout} s")


class Download(_Thread):
    """A download at a limited rate, from one source port, with a checksum."""

    def __init__(self, ns, address, rate=0, source_port=None, timeout=5):
        super().__init__(ns)
        self.address = address
        self.path = f"/data?rate={rate}" if rate else "/data"
        self.source_port = source_port
        self.timeout = timeout
        self.headers = None
        self.received = 0
        self.sha256 = None
        self.start()

    def work(self):
        digest = hashlib.sha256()
        with _connect(self.address, 80, self.source_port, self.timeout) as sock:
            self.source_port = sock.getsockname()[1]
            _request(sock, self.address, self.path)
            status, self.headers, chunk = _read_head(sock)
            if status != 200:
                raise ConnectionError(f"status {status}")
            while True:
                digest.update(chunk)
                self.received += len(chunk)
                if not (chunk := sock.recv(1 << 17)):
                    break
        if self.received != int(self.headers["content-length"]):
            raise ConnectionError(f"{self.received} bytes of {self.headers['content-length']}")
        self.sha256 = digest.hexdigest()

    def wait_started(self, timeout=5):
        """Until the first bytes are here; returns the backend's name."""
        def started():
            if self.error:
                raise self.error
            return self.received
        wait_until(started, timeout, f"the first bytes of a download from {self.address}")
        return self.headers["x-backend"]

    def assert_intact(self, sha256, timeout=30):
        self.finish(timeout)
        if self.error:
            raise AssertionError(f"the download from {self.address} broke after {self.received} "
                                 f"bytes: {self.error}") from self.error
        assert self.sha256 == sha256, "the download's content is not what the backends hold"


class RequestStream(_Thread):
    """Requests one after the other, each on its own connection, until stop()."""

    def __init__(self, ns, address, first_port=None, ports=None, interval=0.002):
        """From these source ports in turn, or from 2000 ports beginning with `first_port`."""
        super().__init__(ns)
        self.address = address
        self._ports = ports or range(first_port, first_port + 2000)
        self._interval = interval
        self._quit = threading.Event()
        self.tally = Tally()
        self.start()

    def work(self):
        n = 0
        while not self._quit.is_set():
            port = self._ports[n % len(self._ports)]
            try:
                self.tally.add(_get(self.address, 80, "/", port, 5))
            except OSError as e:
                self.tally.fail(f"request {n} from port {port}: {e}")
            n += 1
            time.sleep(self._interval)

    def wait_progress(self, more=50, timeout=10):
        """Until `more` further requests are through."""
        goal = self.tally.total + more
        wait_until(lambda: self.tally.total >= goal, timeout,
                   lambda: f"{more} more requests to {self.address}; "
                           f"errors: {self.tally.errors[-3:]}")

    def stop(self):
        self._quit.set()
        self.finish(15)
        if self.error:
            raise self.error
        return self.tally


class UdpStream(_Thread):
    """Numbered datagrams on several flows, echoed by name; counts what does not come back."""

    def __init__(self, ns, address, port, flows=16, first_port=40000, interval=0.002):
        super().__init__(ns)
        self._to = (address, port)
        self._interval = interval
        self._quit = threading.Event()
        self._socks = []
        self.sent = 0
        self.replies = {}  # (flow, number) -> backend's name
        with ns.enter():
            for i in range(flows):
                sock = socket.socket(socket.AF_INET6 if family(address) == 6 else socket.AF_INET,
                                     socket.SOCK_DGRAM)
                sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
                sock.bind(("", first_port + i))
                # Connected: a reply from any address but the VIP's is not delivered.
                sock.connect(self._to)
                sock.setblocking(False)
                self._socks.append(sock)
        self.start()

    def work(self):
        while not self._quit.is_set():
            flow = self.sent % len(self._socks)
            self._socks[flow].send(f"{flow} {self.sent}".encode())
            self.sent += 1
            self._collect()
            time.sleep(self._interval)

    def _collect(self):
        for sock in self._socks:
            while True:
                try:
                    name, flow, number = sock.recv(2048).decode().split()
                except BlockingIOError:
                    break
                self.replies[(int(flow), int(number))] = name

    def wait_progress(self, more=100, timeout=10):
        goal = len(self.replies) + more
        wait_until(lambda: len(self.replies) >= goal, timeout,
                   lambda: f"{more} more UDP replies from {self._to}; {len(self.replies)} so far, "
                           f"{self.sent} sent, error: {self.error}")

    def finish_sending(self, timeout=5):
        """Stops sending and waits for what is under way; closes the sockets."""
        self._quit.set()
        self.finish(10)
        if self.error:
            raise self.error
        deadline = time.monotonic() + timeout
        while len(self.replies) < self.sent and time.monotonic() < deadline:
            self._collect()
            time.sleep(0.01)
        for sock in self._socks:
            sock.close()

    def lost(self):
        n = len(self._socks)
        return [i for i in range(self.sent) if (i % n, i) not in self.replies]

    def backends_of_flows(self):
        """{flow: set of the backends that answered it}"""
        result = collections.defaultdict(set)
        for (flow, _), name in self.replies.items():
            result[flow].add(name)
        return dict(result)
