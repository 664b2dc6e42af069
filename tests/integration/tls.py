# SPDX-License-Identifier: Apache-2.0
"""TLS against openssl s_server: every way in which a certificate or a protocol
can be wrong is one error of the handshake with its reason, and the day on which
the certificate ends is shown all the same.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("openssl")

authority, stranger = Authority("authority"), Authority("stranger")
HERE = "IP:127.0.0.1,DNS:tls.test"
END_2049 = 2493072000  # 2049-01-01T00:00:00Z
replace("/etc/hosts", "127.0.0.1 localhost tls.test\n")

good = authority.issue("good", HERE)
CERTIFICATES = {
    "good": good,
    "expired": authority.issue("expired", HERE, expired=True),
    "wrong_host": authority.issue("wrong-host", "DNS:elsewhere.test"),
    "unknown_issuer": stranger.issue("unknown-issuer", HERE),
    "self_signed": (stranger.path, f"{WORK}/stranger.key"),
    "tls_1_2": good,
    "tls_1_1": good,
}
EXTRA = {"tls_1_2": ["-tls1_2"],
         "tls_1_1": ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]}
TEXTS = {
    "expired": "^tls: .*expired", "wrong_host": r"^tls: certificate is not for 127\.0\.0\.1$",
    "unknown_issuer": "^tls: .*unknown authority$",
    "self_signed": "^tls: .*self.signed",
    "tls_1_1": "^tls: .*TLS 1.2 or later$",
}
ports = dict(zip(CERTIFICATES, free_ports(len(CERTIFICATES))))
for name, (certificate, key) in CERTIFICATES.items():
    start_server(f"server-{name}", ports[name], "openssl", "s_server",
                 "-accept", f"127.0.0.1:{ports[name]}", "-cert", certificate,
                 "-cert_chain", certificate, "-key", key, "-www",
                 *EXTRA.get(name, []))

checks = {name: ("127.0.0.1", ports[name], "") for name in CERTIFICATES}
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
        check_failure(final, name, "tls_handshake_done", "round_trip_error")
        continue
    equal(results[name], "ok", f"{name}: ok")
    equal(final.total(f'kubenurse_errors_total{{type="{name}",.*}}'), 0,
          f"K 1.24, N 3.8 {name}: no error")
    check_sums(final, name)
    ok(final.number("kubenurse_httpclient_trace_request_duration_seconds_count"
                    f'{{type="{name}",event="tls_handshake_done"}}')
       == final.checks(name), f"{name}: each handshake is an event")


def expiry(name):
    return final.total("kubenurse_tls_certificate_expiry_timestamp_seconds"
                       f'{{type="{name}"}}')


for name in ("good", "by_name", "tls_1_2", "wrong_host", "unknown_issuer",
             "own_ca"):
    equal(expiry(name), END_2049, f"N 4.26 {name}: the day of its end")
for name in ("expired", "insecure"):
    equal(expiry(name), 1580515200, f"N 4.26 {name}: the day of its end, long ago")
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
