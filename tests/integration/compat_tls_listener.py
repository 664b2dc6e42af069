# SPDX-License-Identifier: Apache-2.0
# Takes long: certificates are renewed under load, many times.
"""CONTRACT 1 and 2, use_tls: the https listener as openssl and Python see it,
each version and cipher family; and its certificate renewed under load, well and
badly, the way a Secret's volume changes.
"""
import os
import ssl
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("openssl")
PORT = 8443
authority = Authority("authority")
HERE = "IP:127.0.0.1,DNS:localhost"
first, second, third = (authority.issue(name, HERE)
                        for name in ("first", "second", "third"))


def self_signed(name, algorithm):
    paths = f"{WORK}/{name}.crt", f"{WORK}/{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", algorithm, "-nodes",
                    "-days", "30", "-subj", f"/CN={name}", "-addext",
                    f"subjectAltName={HERE}", "-out", paths[0], "-keyout",
                    paths[1]], check=True, stderr=subprocess.DEVNULL)
    return paths


rsa = self_signed("rsa", "rsa:2048")


class Volume:
    """A directory that changes as kubelet changes one."""

    def __init__(self, path):
        self.path, self.number = path, 0
        os.makedirs(path)
        for name in ("tls.crt", "tls.key"):
            os.symlink(f"..data/{name}", f"{path}/{name}")

    def put(self, certificate, key):
        old = f"{self.path}/..{self.number}"
        self.number += 1
        new = f"{self.path}/..{self.number}"
        os.mkdir(new)
        for source, name in ((certificate, "tls.crt"), (key, "tls.key")):
            if source is not None:
                shutil.copy(source, f"{new}/{name}")
                os.chmod(f"{new}/{name}", 0o644)
        os.symlink(f"..{self.number}", f"{self.path}/..new")
        os.rename(f"{self.path}/..new", f"{self.path}/..data")
        shutil.rmtree(old, ignore_errors=True)


volume = Volume(f"{WORK}/volume")
INI = f"""[kubenurse]
listen = 127.0.0.1:{{port}}
listen_tls = 127.0.0.1:{PORT}
use_tls = true
cert_file = {volume.path}/tls.crt
cert_key = {volume.path}/tls.key
check_interval = 200ms
shutdown_duration = 60s
neighbour_source = static
extra_ca = {authority.path}
[neighbours]
neighbour = here 127.0.0.1
"""

for what, pair, words in (
        ("no certificate", (None, first[1]), "tls.crt: No such file"),
        ("no key", (first[0], None), "tls.key: No such file"),
        ("a certificate that is none", (first[1], first[1]), "tls.crt: "),
        ("a key that is none", (first[0], first[0]), "tls.key: "),
        ("another one's key", (first[0], second[1]),
         "tls.key: not the key of the certificate")):
    volume.put(*pair)
    doctor = Doctor(INI, name="refused")
    equal(doctor.wait(), 1, f"F 2.23 {what}: it does not start, exit status 1")
    ok(doctor.said(words), f"F {what}: and says why", doctor.log())
    open(doctor.log_path, "w").close()


def s_client(*words):
    """(succeeded, output)"""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{PORT}", *words],
        input=b"GET /ready HTTP/1.0\r\nHost: a\r\n\r\n", capture_output=True,
        timeout=DEADLINE_S, check=False)
    text = (done.stdout + done.stderr).decode(errors="replace")
    return "Cipher is (NONE)" not in text and "BEGIN CERT" in text, text


WEAK = "@SECLEVEL=0"
GOOD = ["ECDHE-{}-AES128-GCM-SHA256", "ECDHE-{}-AES256-GCM-SHA384",
        "ECDHE-{}-CHACHA20-POLY1305"]
BAD = ["ECDHE-{}-AES128-SHA", "ECDHE-{}-AES256-SHA384", "ECDHE-{}-NULL-SHA",
       "ECDHE-{}-AES128-SHA256"]
BAD_RSA = ["AES128-SHA", "AES128-GCM-SHA256", "AES256-SHA256",
           "DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-SHA", "NULL-SHA256",
           "AECDH-AES128-SHA", "ADH-AES128-GCM-SHA256"]

for algorithm, pair in (("ECDSA", first), ("RSA", rsa)):
    volume.put(*pair)
    doctor = Doctor(INI, name=f"with-{algorithm}")
    ok(doctor.up(), f"{algorithm}: it starts") or done()
    for version in ("tls1_2", "tls1_3"):
        good, text = s_client(f"-{version}")
        ok(good, f"K {algorithm} {version}: is spoken", text)
    for version in ("tls1", "tls1_1"):
        good, text = s_client(f"-{version}", "-cipher", f"ALL:{WEAK}")
        ok(not good and "alert protocol version" in text or
           "unsupported protocol" in text or not good,
           f"K 3.6 {algorithm} {version}: is refused", text)
    for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                  "TLS_CHACHA20_POLY1305_SHA256"):
        good, text = s_client("-tls1_3", "-ciphersuites", suite)
        ok(good and f"Cipher is {suite}" in text,
           f"{algorithm} {suite}: is spoken", text)
    for cipher in GOOD:
        cipher = cipher.format(algorithm)
        good, text = s_client("-tls1_2", "-cipher", cipher)
        ok(good and f"Cipher is {cipher}" in text,
           f"{algorithm} {cipher}: is spoken", text)
    for cipher in BAD + (BAD_RSA if algorithm == "RSA" else []):
        cipher = cipher.format(algorithm)
        good, text = s_client("-tls1_2", "-cipher", f"{cipher}:{WEAK}")
        ok(not good and "no cipher match" not in text,
           f"{algorithm} {cipher}: is refused", text)
    good, text = s_client("-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256")
    ok(not good, f"{algorithm} TLS_AES_128_CCM_SHA256: is refused", text)
    good, text = s_client("-alpn", "h2,http/1.1")
    ok("ALPN protocol: http/1.1" in text, f"{algorithm}: ALPN http/1.1", text)
    good, text = s_client("-alpn", "h2")
    ok(good and "No ALPN negotiated" in text,
       f"{algorithm}: who knows h2 alone is served without ALPN", text)
    doctor.halt()

volume.put(*first)
doctor = Doctor(INI)
ok(doctor.up(), "it starts") or done()
trusting = ssl.create_default_context(cafile=authority.path)


def https(path, connection=None, headers=None):
    mine = connection or http.client.HTTPSConnection(
        "127.0.0.1", PORT, timeout=DEADLINE_S, context=trusting)
    mine.request("GET", path, headers=headers or {})
    answer = mine.getresponse()
    body = answer.read()
    if connection is None:
        mine.close()
    return answer.status, answer.headers, body


doctor.wait_checks(["path_here"])
for path, status in (("/alwayshappy", 200), ("/ready", 200), ("/alive", 200),
                     ("/metrics", 200), ("/", 301)):
    equal(https(path)[0], status, f"N 1.11 https {path}: {status}")
equal(json.loads(https("/alive?x")[2])["request_uri"], "/alive?x",
      "K https /alive: the request is this one")
metrics = doctor.wait_checks(["path_here"], 3)
equal(metrics.total("kubenurse_errors_total.*"), 0,
      "K 1.41, K 3.1 neighbours are checked at https, port 8443, and are well")
ok(metrics.total("kubenurse_httpclient_trace_request_duration_seconds_count"
                 '{type="path_here",event="tls_handshake_done"}'.replace(
                     "{", r"\{").replace("}", r"\}")) >= 3,
   "K neighbours: by TLS")
equal(metrics.number("kubenurse_tls_reload_successful"), 1,
      "N 4.33 kubenurse_tls_reload_successful is 1")
equal(metrics.number("kubenurse_neighbourhood_incoming_checks"), 1,
      "K https /alwayshappy: the origin is counted")

for request in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HEAD / HTTP/1.0\r\n\r\n",
                b"POST /x HTTP/1.1\r\n\r\n", b"OPTIONS * HTTP/1.1\r\n\r\n"):
    with socket.create_connection(("127.0.0.1", PORT), DEADLINE_S) as plain:
        plain.sendall(request)
        answer = b""
        while piece := plain.recv(4096):
            answer += piece
    equal(answer, b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request "
          b"to an HTTPS server.\n", f"K plain {request[:4]!r}: is told")
with socket.create_connection(("127.0.0.1", PORT), DEADLINE_S) as plain:
    plain.sendall(b"\x00\x01\x02\x03\x04garbage\r\n\r\n")
    equal(plain.recv(4096), b"", "what is neither: closed without a word")


def serial():
    with socket.create_connection(("127.0.0.1", PORT), DEADLINE_S) as plain, \
            trusting.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
        return secure.getpeercert()["serialNumber"]


class Load:
    """Requests without pause, each on a new connection, and on a kept one."""

    def __init__(self):
        self.failures, self.count, self.running = [], 0, True
        self.threads = [threading.Thread(target=self.run, args=(kept,))
                        for kept in (False, True)]
        for thread in self.threads:
            thread.start()

    def run(self, keep):
        kept = http.client.HTTPSConnection(
            "127.0.0.1", PORT, timeout=DEADLINE_S,
            context=trusting) if keep else None
        if kept:
            kept.connect()
            kept.auto_open = 0  # a connection that is dropped is an error
        while self.running:
            try:
                status = https("/metrics", kept)[0]
                if status != 200:
                    self.failures.append(status)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                if keep:
                    return
            self.count += 1

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join()


def gauge():
    return doctor.metrics().number("kubenurse_tls_reload_successful")


load = Load()
before = serial()
volume.put(*second)
began = time.monotonic()
wait_ok(lambda: serial() != before, "N 1.42 a renewed certificate is served", 10)
ok(time.monotonic() - began < 10, "N within ten seconds")
before = serial()
for what, pair in (("garbage", (first[1], first[1])),
                   ("another one's key", (third[0], first[1])),
                   ("no files", (None, None))):
    volume.put(*pair)
    wait_ok(lambda: gauge() == 0, f"N 4.33 {what}: the metric turns 0")
    ok(doctor.said("certificate is refused, the old one stays"),
       f"N {what}: it is logged")
    equal(serial(), before, f"N 1.42 {what}: the old one stays")
    volume.put(*second)
    wait_ok(lambda: gauge() == 1, f"N {what}: and after a good one 1")
# in two steps, as somebody does by hand
volume.put(third[0], second[1])
wait_ok(lambda: gauge() == 0, "N half a pair: the metric turns 0")
replace(f"{volume.path}/..{volume.number}/tls.key", open(third[1]).read())
volume.put(*third)
wait_ok(lambda: serial() != before, "N and with its other half it is served", 10)
load.stop()
ok(load.count > 50 and not load.failures, "N 1.42 no connection was dropped meanwhile",
   (load.count, load.failures[:5]))

# A handshake that does not come is cut like headers that do not.
with socket.create_connection(("127.0.0.1", PORT), 10) as silent_one:
    began = time.monotonic()
    equal(silent_one.recv(1), b"", "K a silent client is cut")
    taken = time.monotonic() - began
    ok(4 < taken < 8, "K 2.2 after five seconds", taken)
doctor.send(signal.SIGHUP)
doctor.wait_said("configuration reloaded")
equal(https("/ready")[0], 200, "N a reload leaves the listener alone")
equal(doctor.halt(), 1, "N 6.5 a second signal ends it at once")
done()
