# SPDX-License-Identifier: Apache-2.0
# Runs alone: its servers send as fast as they can.
# Takes long: each of them has some checks to itself.
"""One hostile server, and an honest target beside it in the same worker: its
checks start in time.  Each server has the worker to itself for a while; how
late checks start then is compared with how late they start beside none.

Prints a line `# late NAME: ...` for each server; bench/run.sh makes a table of
them, on a machine that does nothing else.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403
import bad_http as http  # noqa: E402
import bad_tls as tls  # noqa: E402

enter()
need("openssl")

CHECKS = 60  # of the honest target, beside each server
# A step without a bound takes 0.8 s and more (a million records, a handshake
# with 10,000 bits), and some check of the honest target starts so much too late
# for each check of the hostile one.  A busy machine holds a process for so long
# now and then, not each time.
BOUND = "0.25"
LATENESS = "kubenurse_scheduler_lateness_seconds"
RECORDS = 1000000

authority = Authority("authority")
HERE = "IP:127.0.0.1"
good = authority.issue("good", HERE)
issuer = tls.Issuer(authority)
stranger = tls.Issuer(Authority("stranger"))
both = tls.Context(*good)
only_1_2 = tls.Context(*good, tls.TLS_1_2)
only_1_3 = tls.Context(*good, tls.TLS_1_3)
secure = set()


def over_tls(context, act):
    server = Scripted(tls.talks(context, act), read=False)
    secure.add(server.port)
    return server


def before_tls(act):
    server = Scripted(http.first_reads(act), read=False)
    secure.add(server.port)
    return server


def plain(act):
    return Scripted(act)


def shows(certificate):
    return over_tls(tls.Context(*certificate), tls.says_tls(http.OK))


def crumbs(peer):
    """Records of one byte, made beforehand and sent at once."""
    peer.say(http.UNTIL_CLOSE)
    peer.say_apart(b"x" * RECORDS)


def interleaved(peer):
    """A byte of data before each bound on what is none is reached."""
    while True:
        peer.say_apart(b"x" * 50, *60 * (
            ("SSL_key_update", tls.KEY_UPDATE_NOT_REQUESTED),
            ("SSL_do_handshake",)))


def redirects(connection, request):
    connection.sendall(http.moved(b"/again", extra=b"Connection: close\r\n"))


def finite_field():
    """Diffie and Hellman with a group of 10,000 bits, which the server
    chooses; whether it is a good one is of no importance to the cost."""
    key, certificate, params = (f"{WORK}/finite.{end}" for end in
                                ("key", "crt", "dh"))
    subprocess.run(("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                    "-subj", "/CN=finite", "-keyout", key, "-out",
                    certificate), check=True, stderr=subprocess.DEVNULL)
    prime = (1 << 9999) + (1 << 5000) + 1
    with open(f"{params}.cnf", "w", encoding="ascii") as file:
        file.write("asn1 = SEQUENCE:group\n[group]\n"
                   f"p = INTEGER:0x{prime:x}\ng = INTEGER:2\n")
    subprocess.run(("openssl", "asn1parse", "-genconf", f"{params}.cnf",
                    "-noout", "-out", f"{params}.der"), check=True)
    with open(params, "w", encoding="ascii") as file:
        file.write("-----BEGIN DH PARAMETERS-----\n" + subprocess.run(
            ("openssl", "base64", "-in", f"{params}.der"), check=True,
            capture_output=True, text=True).stdout +
            "-----END DH PARAMETERS-----\n")
    port = free_ports(1)[0]
    start_server("finite", port, "openssl", "s_server", "-accept",
                 f"127.0.0.1:{port}", "-cert", certificate, "-key", key,
                 "-dhparam", params, "-tls1_2", "-www", "-quiet",
                 "-cipher", "kDHE:@SECLEVEL=0")
    secure.add(port)
    return port


# What /alive says of some: it is this that keeps them short.
TEXTS = {
    "finite_field": "^tls: server sent alert: handshake failure: perhaps",
    "chain_of_100": "^tls: (server sent more than 16 certificates|"
                    "excessive message size)$",
    "chain_of_20": "^tls: server sent more than 16 certificates$",
    "namesakes": "^tls: certificate is signed by an unknown authority: it names "
                 "CN=authority, but not with a key that is trusted$",
    "names_5000": "^tls: excessive message size$",
    "key_updates": "handshake messages without end",
}
SERVERS = {
    "records_of_a_byte": over_tls(both, crumbs),
    "records_of_a_byte_1_2": over_tls(only_1_2, crumbs),
    "key_updates": over_tls(only_1_3, tls.floods(
        ("SSL_key_update", tls.KEY_UPDATE_NOT_REQUESTED),
        ("SSL_do_handshake",))),
    "key_requests": over_tls(only_1_3, tls.floods(
        ("SSL_key_update", tls.KEY_UPDATE_REQUESTED),
        ("SSL_do_handshake",))),
    "key_updates_and_data": over_tls(only_1_3, interleaved),
    "tickets": over_tls(only_1_3, tls.floods(
        ("SSL_new_session_ticket",), ("SSL_do_handshake",))),
    "renegotiations": over_tls(only_1_2, tls.floods(
        ("SSL_renegotiate",), ("SSL_do_handshake",))),
    "endless_tls": over_tls(both, tls.endless(
        http.UNTIL_CLOSE, b"x" * 16384)),
    "endless_tls_chunks": over_tls(both, tls.endless(
        http.CHUNKED, b"1\r\nx\r\n" * 2730)),
    "hello_requests": before_tls(http.endless(b"", http.TLS_HELLO_REQUEST)),
    "empty_records": before_tls(http.endless(b"", http.TLS_EMPTY)),
    "warnings": before_tls(http.endless(b"", http.TLS_WARNING)),
    "message_by_bytes": before_tls(http.endless(
        b"\x16\x03\x03\x00\x04\x02\x00\x4e\x20", b"\x16\x03\x03\x00\x01x")),
    "finite_field": finite_field(),
    "chain_of_100": shows(issuer.chain(HERE, 100)),
    "chain_of_20": shows(issuer.chain(HERE, 20)),
    "chain_of_8": shows(issuer.chain(HERE, 8)),
    "namesakes": shows(stranger.namesakes(HERE, "authority", 16)),
    "names_5000": shows(issuer.enormous(HERE, 5000)),
    "names_400": shows(issuer.enormous(HERE, 400)),
    "endless_body": plain(http.endless(http.UNTIL_CLOSE, b"x")),
    "endless_chunks": plain(http.endless(http.CHUNKED, b"1\r\nx\r\n")),
    "endless_1xx": plain(http.endless(b"", b"HTTP/1.1 103 Hints\r\n\r\n")),
    "endless_headers": plain(http.endless(
        b"HTTP/1.1 200 OK\r\n", b"A: b\r\n")),
    "drips": plain(http.drips(http.CHUNKED + b"ffff\r\n")),
    "byte_by_byte": plain(http.bytewise(http.OK)),
    "resets": plain(http.resets_after(http.UNTIL_CLOSE + b"x" * 65536)),
    "redirects": plain(redirects),
}

honest = Scripted(says(http.OK))
CALM = f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 200ms
shutdown_duration = 0s
legacy_metrics = false
neighbour_source = static
extra_ca = {authority.path}
[check honest]
url = http://127.0.0.1:{honest.port}/
interval = 50ms
"""


def beside(server):
    port = server if isinstance(server, int) else server.port
    scheme = "https" if port in secure else "http"
    # so that its certificate is not the first thing to fail
    insecure = server == SERVERS["finite_field"]
    return f"""[check hostile]
url = {scheme}://127.0.0.1:{port}/
timeout = 10s
insecure = {str(insecure).lower()}
"""


def lateness(metrics):
    """Counts by bound, the sum last."""
    series = metrics.select(LATENESS + r'_(bucket|sum)\{.*worker="extra".*')
    return {re.search('le="([^"]*)"', name)[1] if "le=" in name else "sum":
            float(value) for name, value in series.items()}


def observe(ini):
    """(mean in s, {bound: share}, how many later than BOUND, checks of the
    hostile target) while this is the configuration."""
    doctor.reload(ini)
    start = doctor.metrics()
    first, before = start.checks("honest"), lateness(start)
    hostile = start.checks("hostile")
    needed = 2 if "[check hostile]" in ini else 0
    found = []

    def enough():
        found[:] = [doctor.metrics()]
        time.sleep(0.1)  # scrapes cost something
        return found[0].checks("honest") >= first + CHECKS and \
            found[0].checks("hostile") >= hostile + needed
    wait(enough, 60)
    after = lateness(found[0])
    count = after["+Inf"] - before.get("+Inf", 0)
    return (after["sum"] - before.get("sum", 0)) / count, {
        bound: (after[bound] - before.get(bound, 0)) / count
        for bound in after if bound != "sum"}, count - (
            after[BOUND] - before.get(BOUND, 0)), \
        found[0].checks("hostile") - hostile


def shown(name, mean_s, shares):
    print(f"# late {name}: mean_us {mean_s * 1e6:.0f} within_5_ms_percent "
          f"{100 * shares['0.005']:.2f} within_10_ms_percent "
          f"{100 * shares['0.01']:.2f}", flush=True)


doctor = Doctor(CALM)
doctor.wait_checks(["honest"])
worker = doctor.worker("extra")
calm_s, calm_shares, _, _ = observe(CALM)
shown("none", calm_s, calm_shares)
for name, server in SERVERS.items():
    late_s, late_shares, n_late, n_hostile = observe(CALM + beside(server))
    shown(name, late_s, late_shares)
    ok(n_late <= n_hostile / 2, f"{name}: the honest target is in time",
       f"{n_late:.0f} checks late by 0.25 s, {n_hostile:.0f} hostile ones")
    if name in TEXTS:
        like(doctor.results()["hostile"], TEXTS[name], f"{name}: /alive says why")
equal(doctor.worker("extra"), worker, "it is the same worker")
doctor.reload(CALM)
metrics = doctor.metrics()
equal(metrics.total(r'kubenurse_errors_total\{.*type="honest".*'), 0,
      "no honest check failed")
equal(len(metrics.select("kubenurse_worker_restarts_total.*")), 0,
      "no worker was restarted")
doctor.halt()
done()
