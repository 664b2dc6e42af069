# SPDX-License-Identifier: Apache-2.0
# Runs alone: floods, beside which nothing else keeps its time.
"""Bad neighbours of the HTTP side, by the thousand: whatever they do, an honest
client is answered all the time, memory and descriptors are bounded and come
back, and nobody is restarted.  How fast it is answered meanwhile: make bench.
"""
import os
import resource
import ssl
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("openssl")
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
TLS_PORT = 8443
CONNECTIONS_MAX = 2048  # supervisor/http_server.c
SCRAPES_MAX = 8         # the same
HANDSHAKES_MAX = 256    # supervisor/http_site.c
# 17 KiB for each connection, and as much for what the kernel is late with
GROWTH_MAX_KIB = CONNECTIONS_MAX * 17 * 2
authority = Authority("authority")
certificate, key = authority.issue("here", "IP:127.0.0.1")
os.chmod(key, 0o644)
web = Scripted(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
INI = f"""[kubenurse]
listen = 127.0.0.1:{{port}}
listen_tls = 127.0.0.1:{TLS_PORT}
use_tls = true
cert_file = {certificate}
cert_key = {key}
check_interval = 100ms
shutdown_duration = 0s
service_url = http://127.0.0.1:{web.port}
neighbour_source = static
"""
doctor = Doctor(INI)
doctor.wait_checks(["me_service"])
sanitized = bool(doctor.said("built with sanitizers"))
HERE = ("127.0.0.1", doctor.port)
TLS = ("127.0.0.1", TLS_PORT)
ASK = b"GET /alwayshappy HTTP/1.1\r\nHost: a\r\n"


trusting = ssl.create_default_context(cafile=authority.path)


def client_hello():
    sent = ssl.MemoryBIO()
    try:
        trusting.wrap_bio(ssl.MemoryBIO(), sent,
                          server_hostname="127.0.0.1").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return sent.read()


HELLO = client_hello()


def resident_kib(what="VmRSS"):
    with open(f"/proc/{doctor.pid}/status", encoding="ascii") as file:
        return int(re.search(rf"{what}:\s*(\d+) kB", file.read())[1])


class Honest:
    """Asks without pause, on a new connection each time, until the end."""

    def __init__(self):
        self.count, self.failures, self.running = 0, [], True
        self.peak_kib = self.peak_fds = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.running:
            try:
                status = doctor.status("/alwayshappy")
            except (OSError, http.client.HTTPException) as error:
                status = repr(error)
            self.count += 1
            if status != 200:
                self.failures.append(status)
            if self.count % 10 == 0:
                self.peak_kib = max(self.peak_kib, resident_kib())
                self.peak_fds = max(self.peak_fds,
                                    len(os.listdir(f"/proc/{doctor.pid}/fd")))
            time.sleep(0.005)


BASE_KIB = resident_kib()
BASE_FDS = len(descriptors(doctor.pid))
peaks = {}


def ordeal(what, harm, *arguments):
    """Does it, beside an honest client; then all is as it was."""
    honest = Honest()
    harm(*arguments)
    least = honest.count + 20
    wait(lambda: honest.count >= least)
    honest.running = False
    honest.thread.join()
    ok(honest.count >= 20 and not honest.failures,
       f"{what}: an honest client is answered each time",
       f"{honest.count} times, {honest.failures[:5]}")
    peaks[what] = (honest.peak_kib, honest.peak_fds)
    ok(sanitized or honest.peak_kib - BASE_KIB <= GROWTH_MAX_KIB,
       f"{what}: memory is bounded", f"{BASE_KIB} -> {honest.peak_kib} KiB")
    ok(honest.peak_fds <= BASE_FDS + CONNECTIONS_MAX + 16,
       f"{what}: and so are descriptors", honest.peak_fds)
    wait_ok(lambda: len(descriptors(doctor.pid)) <= BASE_FDS + 1,
            f"{what}: they are given back")


def connect(address=HERE, receive_bytes=None):
    client = socket.socket()
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.settimeout(DEADLINE_S)
    client.connect(address)
    return client


def is_cut(client):
    """The server has hung up; what it said before is read."""
    try:
        while data := client.recv(65536, socket.MSG_DONTWAIT):
            pass
        return data == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def is_cut_at_all(client):
    try:
        return client.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


def close_all(clients):
    for client in clients:
        client.close()


def talk(data, address=HERE):
    """All that comes back, to the end, when this is all that is sent."""
    with connect(address) as client:
        got = b""
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has hung up already
        try:
            while piece := client.recv(65536):
                got += piece
        except ConnectionResetError:
            pass
        return got

# ---------------------------------------------------------------------- by number


def trickle(count):
    """A byte a second: the headers' 5 s count from the connection on."""
    clients = [connect() for _ in range(count)]
    began = time.monotonic()
    text = iter(ASK + b"X: " + b"y" * 100)
    left = list(clients)
    while left and time.monotonic() - began < DEADLINE_S:
        byte = bytes([next(text)])
        for client in left:
            try:
                client.send(byte, socket.MSG_DONTWAIT)
            except OSError:
                pass
        due = time.monotonic() + 1
        while left and time.monotonic() < due:
            time.sleep(0.1)
            left = [client for client in left if not is_cut(client)]
    ok(not left, f"{count} clients that send a byte a second are cut", left)
    close_all(clients)


def held():
    return len(descriptors(doctor.pid)) - BASE_FDS


def slow(trickling, idle):
    """Answers that nobody takes (as many as may be sent at one time), half
    handshakes, and slow headers, all at once."""
    deaf = [connect(receive_bytes=1024) for _ in range(SCRAPES_MAX)]
    for client in deaf:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 500)
    kept = [connect() for _ in range(idle)]
    for client in kept:
        client.sendall(ASK + b"\r\n")
    half = [connect(TLS) for _ in range(200)]
    for i, client in enumerate(half):
        client.sendall(HELLO[:1 + i])
    trickle(trickling)
    wait_ok(lambda: all(is_cut(client) for client in half),
            "handshakes that stop half-way are cut")
    wait_ok(lambda: held() <= idle + 2, "clients that never read are cut")
    ok(not any(is_cut_at_all(client) for client in kept),
       "those between two requests are not")
    close_all(deaf + kept + half)


ordeal("slow clients", slow, 1300, 300)


def too_many(count):
    clients = [connect() for _ in range(count)]
    close_all(clients)


ordeal("more connections than there may be", too_many, 3 * CONNECTIONS_MAX)


def half_bodies(count):
    """None of them can be answered, and none of them is idle."""
    clients = [connect() for _ in range(count)]
    for i, client in enumerate(clients):
        client.sendall(ASK + (b"Content-Length: 9\r\n\r\na" if i % 2 else
                              b"Transfer-Encoding: chunked\r\n\r\n9\r\na"))
    equal([doctor.status("/alwayshappy") for _ in range(50)], [200] * 50,
          f"{count} bodies that do not come keep nobody out")
    close_all(clients)


ordeal("bodies that do not come", half_bodies, CONNECTIONS_MAX + 200)


def vanish(count):
    """Reset in the middle of a request, or of an answer."""
    for i in range(count):
        client = connect()
        client.sendall(ASK[:i % len(ASK)] if i % 2 else ASK + b"\r\n")
        reset(client)


ordeal("clients that vanish", vanish, 2000)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def half_open(count):
    """SYNs from addresses that cannot be answered."""
    subprocess.run(["ip", "route", "add", "blackhole", "198.18.0.0/16"],
                   check=True)
    target = socket.inet_aton("127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_RAW,
                       socket.IPPROTO_RAW) as raw:
        for i in range(count):
            source = struct.pack("!BBH", 198, 18, 1 + i)
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, i & 0xffff, 0, 64,
                             socket.IPPROTO_TCP, 0, source, target)
            tcp = struct.pack("!HHIIBBHHH", 1024 + i % 60000, doctor.port, i,
                              0, 5 << 4, 2, 1024, 0, 0)
            total = checksum(source + target + struct.pack(
                "!BBH", 0, socket.IPPROTO_TCP, len(tcp)) + tcp)
            tcp = tcp[:16] + struct.pack("!H", total) + tcp[18:]
            raw.sendto(ip + tcp, ("127.0.0.1", 0))


ordeal("half-open connections", half_open, 5000)

# ----------------------------------------------------------------------- by words

HOST = b"Host: a\r\n"
END = b"Connection: close\r\n\r\n"
REFUSED = rb"^(HTTP/1\.[01] 4\d\d |$)"
WORDS = {
    "64 KiB of headers": (ASK + b"X: " + b"y" * 65536 + b"\r\n\r\n",
                          rb"^(HTTP/1\.1 431 |$)"),
    "a target of 64 KiB": (b"GET /" + b"x" * 65536 + b" HTTP/1.1\r\n" + HOST +
                           END, rb"^(HTTP/1\.1 4(14|31) |$)"),
    "5,000 headers": (ASK + b"A: b\r\n" * 5000 + b"\r\n",
                      rb"^(HTTP/1\.1 431 |$)"),
    "a body nobody asked for": (
        ASK + b"Content-Length: 5\r\n\r\nhello" + ASK + END,
        rb"^HTTP/1\.1 200 .*HTTP/1\.1 200 "),
    "such a body in chunks": (
        ASK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" +
        ASK + END, rb"^HTTP/1\.1 400 (?!.*HTTP/1\.1 )"),
    "a body of a megabyte": (
        ASK + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000000,
        rb"^(HTTP/1\.1 413 |$)"),
    "bad chunks": (ASK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
                   REFUSED),
    "a chunk without end": (
        ASK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
        REFUSED),
    "both lengths": (
        ASK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        b"\r\n", rb"^HTTP/1\.1 (200|400) "),
    "a NUL in the target": (b"GET /alive\0 HTTP/1.1\r\n" + HOST + END,
                            REFUSED),
    "a NUL in a header": (ASK + b"X: a\0b\r\n" + END, REFUSED),
    "NULs alone": (b"\0" * 1000 + b"\r\n\r\n", REFUSED),
    "HTTP/0.9": (b"GET /alwayshappy\r\n", REFUSED),
    "the preface of HTTP/2": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
        rb"^(HTTP/1\.1 (4\d\d|505) |$)"),
    "HTTP/3.7": (b"GET / HTTP/3.7\r\n" + HOST + END,
                 rb"^(HTTP/1\.[01] (4\d\d|505) |$)"),
    "TLS on the plain port": (
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(range(200)),
        REFUSED),
    "half a request": (ASK, REFUSED),
}


def say_all():
    for name, (data, ere) in WORDS.items():
        got = talk(data)
        ok(re.search(ere, got, re.S), f"{name}: answered or refused, then "
           "closed", got[:300])


ordeal("bad words", say_all)


def pipeline():
    paths = ("/alwayshappy", "/ready", "/alive", "/x")
    request = b"".join(
        f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        for _ in range(25) for path in paths)
    wait(lambda: doctor.status("/alive") == 200)
    for _ in range(20):
        got = re.findall(rb"HTTP/1\.1 (\d+) ", talk(request))
        if got != [b"200", b"200", b"200", b"301"] * 25:
            ok(False, "100 requests in one write", got)
            return
    ok(True, "100 requests in one write are all answered, in order")


ordeal("pipelining", pipeline)

# ---------------------------------------------------------------------- by TLS

def silent_handshakes(count):
    """More than may be under way at one time: the oldest go."""
    clients = [connect(TLS) for _ in range(count)]
    for i, client in enumerate(clients):
        try:
            client.sendall(HELLO[:i % 5])
        except OSError:
            pass  # it is gone already
    wait_ok(lambda: held() <= HANDSHAKES_MAX + 2,
            f"of {count} handshakes that do not go on few are left")
    like(talk(ASK + END).decode(), "^HTTP/1.1 200", "others are served")
    with connect(TLS) as client, trusting.wrap_socket(
            client, server_hostname="127.0.0.1") as secure:
        secure.sendall(ASK + END)
        like(secure.recv(4096).decode(), "^HTTP/1.1 200", "by TLS, too")
    close_all(clients)


ordeal("handshakes that do not go on", silent_handshakes, 1000)


def handshakes(count):
    good = 0
    for i in range(count):
        client = connect(TLS)
        if i % 5 == 0:  # a good one
            with trusting.wrap_socket(
                    client, server_hostname="127.0.0.1") as secure:
                secure.sendall(ASK + END)
                good += secure.recv(4096).startswith(b"HTTP/1.1 200 ")
            continue
        client.sendall((b"", HELLO[:i % len(HELLO)], HELLO + b"rubbish" * 50,
                        HELLO)[i % 5 - 1])
        if i % 2:
            reset(client)
        client.close()
    equal(good, count // 5, "between bad handshakes, good ones all succeed")
    like(talk(ASK + END, TLS).decode(), "^HTTP/1.0 400 .*to an HTTPS server",
         "plain on the TLS port is told so")


ordeal("bad handshakes", handshakes, 500)


def cpu_s():
    with open(f"/proc/{doctor.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# Five seconds of one processor, should the doctor ask them all the time.
before_s = cpu_s()
waiting = [connect(TLS) for _ in range(3)]
waiting[1].sendall(HELLO[:3])
waiting[2].sendall(HELLO[:-1])
wait_ok(lambda: all(map(is_cut, waiting)),
        "handshakes that do not go on are cut off")
ok(cpu_s() - before_s < 1, "and cost next to nothing until then",
   f"{cpu_s() - before_s} s of processor time")
close_all(waiting)

# -------------------------------------------------------------------- at the end

for what, (kib, fds) in peaks.items():
    print(f"# {what}: peak {kib} KiB ({BASE_KIB} before), {fds} descriptors")
metrics = doctor.metrics()
equal(metrics.total("kubenurse_worker_restarts_total.*"), 0,
      "nobody was restarted")
equal(metrics.total("kubenurse_errors_total.*"), 0, "no check failed of it")
equal(metrics.number('kubenurse_worker_up{worker="me_service"}'), 1,
      "checks go on")
ok(doctor.halt() in (0, 1), "it ends as it should; a leak would show here")
done()
