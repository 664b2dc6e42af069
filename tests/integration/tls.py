# SPDX-License-Identifier: Apache-2.0
"""TLS against openssl s_server and Python's http.server: every way in which a
certificate or a protocol can be wrong is one error of the handshake with its
reason, and the day on which the certificate ends is shown all the same.  What
real servers do against the standards, and other clients accept, is no error.
"""
import http.server
import os
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("openssl")

authority, stranger = Authority("authority"), Authority("stranger")
HERE = "IP:127.0.0.1,DNS:tls.test"
END_2049 = 2493072000  # 2049-01-01T00:00:00Z
CLUSTER = ("my_svc.apps.test", "vault-0.vault-internal")
replace("/etc/hosts", f"127.0.0.1 localhost tls.test {' '.join(CLUSTER)}\n")

good = authority.issue("good", HERE)
cluster = authority.issue("cluster", "DNS:*.apps.test,DNS:*.vault-internal")
expired = authority.issue("expired", HERE, expired=True)


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def write(name, text):
    with open(f"{WORK}/{name}", "w", encoding="ascii") as file:
        file.write(text)
    return f"{WORK}/{name}"


# two authorities of one name, as after a rotation, and nothing in what they
# sign says which of them it was
NO_KEY_ID = f"{HERE}\nauthorityKeyIdentifier = none"
first = Authority("rotated")
old_pem, old = read(first.path), first.issue("rotated-old", NO_KEY_ID)
second = Authority("rotated")
bundle = write("bundle.crt", old_pem + read(second.path))
# an old certificate that no chain needs
beside = (write("beside.crt", read(good[0]) + read(expired[0])), good[1])
weak = (f"{WORK}/weak.crt", f"{WORK}/weak.key")
subprocess.run(("openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes",
                "-subj", "/CN=weak", "-addext", f"subjectAltName={HERE}",
                "-keyout", weak[1], "-out", weak[0]), check=True,
               stderr=subprocess.DEVNULL)
os.chmod(weak[0], 0o644)
CERTIFICATES = {
    "good": good,
    "expired": expired,
    "wrong_host": authority.issue("wrong-host", "DNS:elsewhere.test"),
    "unknown_issuer": stranger.issue("unknown-issuer", HERE),
    "self_signed": (stranger.path, f"{WORK}/stranger.key"),
    "tls_1_2": good,
    "tls_1_1": good,
    "cluster": cluster,
    "rotated_old": old,
    "rotated_new": second.issue("rotated-new", NO_KEY_ID),
    "beside": beside,
    "weak": weak,
    "wants_client": good,
}
EXTRA = {"tls_1_2": ["-tls1_2"],
         "weak": ["-cipher", "ALL:@SECLEVEL=0"],
         "wants_client": ["-Verify", "1", "-CAfile", authority.path],
         "tls_1_1": ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]}
TEXTS = {
    "expired": r"^tls: certificate has expired on 2020-02-01T00:00:00Z$",
    "wrong_host": r"^tls: certificate is not for 127\.0\.0\.1 but for "
                  r"elsewhere\.test \(subject CN=wrong-host, issuer "
                  r"CN=authority\)$",
    "unknown_issuer": "^tls: certificate is signed by an unknown authority: "
                      "CN=stranger$",
    "self_signed": "^tls: certificate is self-signed: CN=stranger$",
    "weak": r"^tls: certificate has a key that is too short for security level "
            r"2 of OpenSSL \(rsaEncryption, 1024 bits\), see "
            r"tls_security_level$",
    "wants_client": "tls: server sent alert: certificate required: the server "
                    "asked for a client certificate$",
    "tls_1_1": "^tls: .*TLS 1.2 or later$",
}
ports = dict(zip(CERTIFICATES, free_ports(len(CERTIFICATES))))
for name, (certificate, key) in CERTIFICATES.items():
    start_server(f"server-{name}", ports[name], "openssl", "s_server",
                 "-accept", f"127.0.0.1:{ports[name]}", "-cert", certificate,
                 "-cert_chain", certificate, "-key", key, "-www",
                 *EXTRA.get(name, []))



class Old(http.server.BaseHTTPRequestHandler):
    """HTTP/1.0, without a length, and without a close_notify."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"until the end")

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*good)
python = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Old)
python.socket = context.wrap_socket(python.socket, server_side=True)
threading.Thread(target=python.serve_forever, daemon=True).start()

# "weak" would be good enough for a system of another level
MORE = {"rotated_old": f"ca = {bundle}\n", "rotated_new": f"ca = {bundle}\n",
        "weak": f"ca = {weak[0]}\ntls_security_level = 2\n"}
checks = {name: ("127.0.0.1", ports[name], MORE.get(name, ""))
          for name in CERTIFICATES if name != "cluster"}
for name in CLUSTER:
    checks[name] = (name, ports["cluster"], "")
checks["allowed"] = ("127.0.0.1", ports["weak"],
                     f"ca = {weak[0]}\ntls_security_level = 1\n")
checks["python"] = ("127.0.0.1", python.server_port, "")
checks["by_name"] = ("tls.test", ports["good"], "")
checks["insecure"] = ("127.0.0.1", ports["expired"], "insecure = true\n")
checks["own_ca"] = ("127.0.0.1", ports["unknown_issuer"],
                    f"ca = {stranger.path}\n")
ini = f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 300ms
shutdown_duration = 60s
neighbour_source = static
extra_ca = {authority.path}
""" + "".join(f"""[check {name}]
url = https://{host}:{port}/
{more}""" for name, (host, port, more) in checks.items())

doctor = Doctor(ini)
doctor.wait_checks(checks, 2)
results = doctor.results()
final = doctor.settle()
for name in checks:
    if name in TEXTS:
        like(results[name], TEXTS[name], f"{name}: /alive says why")
        if name != "wants_client":  # that is told after the handshake
            check_failure(final, name, "tls_handshake_done",
                          "round_trip_error")
        continue
    equal(results[name], "ok", f"{name}: ok")
    equal(final.total(f'kubenurse_errors_total{{type="{name}",.*}}'), 0,
          f"K 1.24, N 3.8 {name}: no error")
    check_sums(final, name)
    ok(final.number("kubenurse_httpclient_trace_request_duration_seconds_count"
                    f'{{type="{name}",event="tls_handshake_done"}}')
       == final.checks(name), f"{name}: each handshake is an event")


def expiry(name, what="certificate"):
    return final.total(f"kubenurse_tls_{what}_expiry_timestamp_seconds"
                       f'{{type="{name}"}}')


for name in ("good", "by_name", "tls_1_2", "wrong_host", "unknown_issuer",
             "own_ca"):
    equal(expiry(name), END_2049, f"N 4.26 {name}: the day of its end")
for name in ("expired", "insecure"):
    equal(expiry(name), 1580515200, f"N 4.26 {name}: the day of its end, long ago")
equal(expiry("beside"), 1580515200, "an old certificate beside the chain shows")
chain_end = expiry("good", "chain")  # that of the authority
ok(time.time() + 29 * 86400 < chain_end < time.time() + 31 * 86400,
   "the chain ends with its authority")
equal(expiry("beside", "chain"), chain_end, "what it does not need has no date")
for name in ("expired", "insecure", "wrong_host", "tls_1_1"):
    equal(len(final.select("kubenurse_tls_chain_expiry_timestamp_seconds"
                           rf'\{{type="{name}"\}}')), 0,
          f"{name}: no chain was verified")
equal(len(final.select("kubenurse_tls_certificate_expiry_timestamp_seconds"
                       r'\{type="tls_1_1"\}')), 0,
      "no certificate, no day")
equal(doctor.halt(), 1, "a second signal ends it")

# One CA that cannot be read takes no other with it.
bad = Doctor(ini.replace(authority.path, f"{WORK}/none.crt"), name="bad-ca")
bad.wait_checks(["own_ca", "good"])
like(bad.log(), "CAs cannot be used.*none.crt", "F 1.27 a missing CA is said")
equal(bad.results()["own_ca"], "ok", "F 1.27 and the others are trusted all the same")
like(bad.results()["good"], "unknown authority", "its servers are not")
bad.halt()
done()
