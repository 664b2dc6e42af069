# SPDX-License-Identifier: Apache-2.0
# Runs alone: its servers send as fast as they can.
"""Servers that mean harm, one check for each way, all at the same time: each
failed check is one error, in its own phase; what the contract forgives is
forgiven; and when they are gone the worker is what it was before: the same
process, with the same descriptors, watches and memory.
"""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403
import bad_http as http  # noqa: E402
import bad_tls as tls  # noqa: E402

# What a sanitizer keeps of freed memory must not look like the worker's own.
os.environ["ASAN_OPTIONS"] = ":".join(filter(None, (
    os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=1", "max_redzone=16",
    "allocator_release_to_os_interval_ms=100", "malloc_context_size=4")))
enter()
need("openssl")

ROUND_TRIP, TLS, WRITE, CONNECT = (
    "round_trip_error", "tls_handshake_done", "wrote_request", "connect_done")
LATE_S = 3  # for what ends at the deadline alone; all else has a minute


class Case:
    """event: what the error is, None when there is none, or a set of those
    that the kernel may choose from; codes: those of requests_total, None when
    it is the kernel's choice."""

    def __init__(self, act, event=None, codes=("200",), text=None, late=False,
                 scheme="http", read=True, url=None):
        self.event, self.codes, self.late = event, codes, late
        self.text = text or ("^ok$" if event is None else "^.")
        self.server = Scripted(act, read=read) if act else None
        self.url = url or f"{scheme}://127.0.0.1:{self.server.port}/"


def ok_(act, **more):
    return Case(act, **more)


def no_answer(act, text="^http: ", **more):
    return Case(act, ROUND_TRIP, (ROUND_TRIP,), text, **more)


def broken(act, text="^http: ", **more):
    """The status stands, and then the body breaks."""
    return Case(act, ROUND_TRIP, ("200",), text, **more)


def status(number, act, **more):
    return Case(act, f"status_code_{number}", (str(number),), f"^{number}",
                **more)


def no_tls(act, text="^tls: ", **more):
    return Case(act, TLS, (ROUND_TRIP,), text, scheme="https", read=False,
                **more)


def secure(context, act, *how, **more):
    return Case(tls.talks(context, act), *how, scheme="https", read=False,
                **more)


def led(location, text, event=ROUND_TRIP, codes=("302",), **more):
    return Case(says(http.moved(location, **more)), event, codes, text)


BAD = "^bad Location: "


def elsewhere(location):
    """A request that cannot be made is one all the same."""
    return led(location, BAD + "the scheme is neither http nor https$",
               codes=("302", ROUND_TRIP))


def length(*values):
    return http.fields(b"200 OK", *(b"Content-Length: " + value
                                    for value in values)) + b"hello"


def chunks(text):
    return says(http.CHUNKED + text)


CASES = {
    # ---------------------------------------------------------- byte by byte
    "bytewise": ok_(http.bytewise(http.OK)),
    "bytewise_chunks": ok_(http.bytewise(
        http.CHUNKED + b"2;x=y\r\nok\r\n0\r\nA: b\r\n\r\n")),
    "drips_status": no_answer(http.drips(b"HTTP/1.1 200 "), "timeout",
                              late=True),
    "drips_blanks": no_answer(http.drips(b"HTTP/1.1 ", b" "), "timeout",
                              late=True),
    "drips_headers": no_answer(http.drips(b"HTTP/1.1 200 OK\r\nA: "),
                               "timeout", late=True),
    "drips_body": broken(http.drips(http.UNTIL_CLOSE), "timeout", late=True),
    "drips_chunk": broken(http.drips(http.CHUNKED + b"ffff\r\n"), "timeout",
                          late=True),
    "drips_trailer": broken(http.drips(http.CHUNKED + b"0\r\nA: "), "timeout",
                            late=True),
    # --------------------------------------------------------------- headers
    "headers_64k": ok_(says(http.answer_of(http.HEAD_MAX_BYTES))),
    "headers_64k_and_1": no_answer(says(http.answer_of(
        http.HEAD_MAX_BYTES + 1)), "^http: headers too large"),
    "headers_endless": no_answer(http.endless(
        b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"), "headers too large"),
    "headers_one_line": no_answer(http.endless(
        b"HTTP/1.1 200 OK\r\nA: ", b"x"), "headers too large"),
    "headers_one_name": no_answer(http.endless(
        b"HTTP/1.1 200 OK\r\nA", b"x"), "headers too large"),
    "headers_folded": no_answer(http.endless(
        b"HTTP/1.1 200 OK\r\nLocation: a\r\n", b" \r\n"), "headers too large"),
    "status_endless": no_answer(http.endless(b"HTTP/1.1 200 ", b"x"),
                                "headers too large"),
    "headers_10000": ok_(says(b"HTTP/1.1 200 OK\r\n" + b"a:b\r\n" * 10000 +
                              b"Content-Length: 0\r\n\r\n")),
    "header_nul": no_answer(says(http.fields(
        b"200 OK", b"A: b\0c", b"Content-Length: 0"))),
    "header_cr": no_answer(says(http.fields(
        b"200 OK", b"A: b\rc", b"Content-Length: 0"))),
    "header_no_colon": no_answer(says(http.fields(b"200 OK", b"nonsense"))),
    "header_no_name": no_answer(says(http.fields(b"200 OK", b": b"))),
    "status_nul": Case(says(http.fields(b"404 \0\xff\xfe\x1b[2J\"\\",
                                        b"Content-Length: 0")),
                       "status_code_404", ("404",), "^404 "),
    "body_nul": ok_(says(length(b"5")[:-5] + b"\0\0\0\0\0")),
    # ---------------------------------------------------------------- chunks
    "chunk_huge": ok_(http.endless(
        http.CHUNKED + b"ffffffffffffffff\r\n", b"x")),
    "chunk_huge_cut": broken(chunks(b"ffffffffffffffff\r\nx")),
    "chunk_overflow": broken(chunks(b"10000000000000000\r\nx")),
    "chunk_zeros": broken(chunks(b"0" * 17 + b"\r\n\r\n")),
    "chunk_extension": ok_(http.endless(http.CHUNKED + b"1;", b"x")),
    "chunk_extension_nul": broken(chunks(b"1;\0\r\n")),
    "chunk_blanks": ok_(http.endless(http.CHUNKED + b"1", b" ")),
    "chunk_tiny": ok_(http.endless(http.CHUNKED, b"1\r\nx\r\n")),
    "chunk_trailers": broken(http.endless(http.CHUNKED + b"0\r\n",
                                          b"A: b\r\n"), "headers too large"),
    "chunk_bad_trailer": broken(chunks(b"0\r\n\0: b\r\n\r\n")),
    "chunk_bad_hex": broken(chunks(b"zz\r\n")),
    "chunk_negative": broken(chunks(b"-1\r\n")),
    "chunk_0x": broken(chunks(b"0x10\r\n")),
    "chunk_empty": broken(chunks(b"\r\n")),
    "chunk_lf": broken(chunks(b"1\nx\n0\n\n")),
    "chunk_no_end": broken(chunks(b"1\r\nxx\r\n0\r\n\r\n")),
    # --------------------------------------------------------- informational
    "hints_endless": no_answer(http.endless(
        b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), "too many informational"),
    "hints_large": no_answer(http.endless(
        b"", b"HTTP/1.1 100 Continue\r\nA: " + b"x" * 2000 + b"\r\n\r\n"),
        "headers too large"),
    "switching": status(101, http.keeps(http.fields(
        b"101 Switching Protocols", b"Upgrade: h2c", b"Connection: Upgrade"))),
    # ---------------------------------------------------------------- bodies
    "body_endless": ok_(http.endless(http.UNTIL_CLOSE, b"x")),
    "body_of_2_62": ok_(http.endless(length(b"4611686018427387904"), b"x")),
    "body_after_end": ok_(http.endless(http.OK, b"x")),
    "answer_twice": ok_(says(http.OK + http.OK)),
    "body_204": status(204, http.keeps(http.fields(
        b"204 No Content", b"Content-Length: 5") + b"hello")),
    "body_304": status(304, http.keeps(http.fields(
        b"304 Not Modified", b"Content-Length: 5") + b"hello")),
    # --------------------------------------------------------------- lengths
    "length_and_chunks": ok_(says(http.fields(
        b"200 OK", b"Content-Length: 1", b"Transfer-Encoding: chunked") +
        b"2\r\nok\r\n0\r\n\r\n")),
    "length_twice": ok_(says(length(b"5", b"5"))),
    "length_differs": no_answer(says(length(b"5", b"6")),
                                "different values of Content-Length"),
    "length_list": no_answer(says(length(b"5, 5"))),
    "length_negative": no_answer(says(length(b"-5"))),
    "length_plus": no_answer(says(length(b"+5"))),
    "length_hex": no_answer(says(length(b"0x5"))),
    "length_empty": no_answer(says(length(b""))),
    "length_2_63": no_answer(says(length(b"9223372036854775808"))),
    "length_2_64": no_answer(says(length(b"18446744073709551621"))),
    "length_long": no_answer(says(length(b"9" * 500))),
    "coding_gzip": no_answer(says(http.fields(
        b"200 OK", b"Transfer-Encoding: gzip"))),
    "coding_twice": no_answer(says(http.fields(
        b"200 OK", b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: chunked"))),
    # ------------------------------------------------------- other languages
    "http_0_9": no_answer(says(b"<html>hello</html>\n")),
    "http_2_preface": no_answer(says(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
    "http_2_settings": no_answer(http.keeps(http.HTTP2_SETTINGS)),
    "lower_case": no_answer(says(b"http/1.1 200 OK\r\n\r\n")),
    "icy": no_answer(says(b"ICY 200 OK\r\n\r\n")),
    "code_2000": no_answer(says(http.fields(b"2000 OK"))),
    "code_20": no_answer(says(http.fields(b"20 OK"))),
    "code_none": no_answer(says(b"HTTP/1.1\r\n\r\n")),
    "tls_in_plain": no_answer(http.keeps(http.TLS_FATAL)),
    # ----------------------------------------------------------- early close
    "closes_unread": Case(lambda *_: None, {ROUND_TRIP, WRITE, CONNECT},
                          (ROUND_TRIP,), read=False),
    "closes_after_request": no_answer(lambda *_: None, "closed"),
    "closes_in_status": no_answer(says(b"HTTP/1.1 20")),
    "closes_in_headers": no_answer(says(b"HTTP/1.1 200 OK\r\nA: b")),
    "closes_before_blank": no_answer(says(b"HTTP/1.1 200 OK\r\nA: b\r\n")),
    "closes_in_body": broken(says(length(b"6"))),
    "closes_in_size": broken(chunks(b"1")),
    "closes_in_chunk": broken(chunks(b"5\r\nhel")),
    "closes_after_chunk": broken(chunks(b"5\r\nhello\r\n")),
    "closes_in_trailer": broken(chunks(b"0\r\nA: b\r\n")),
    "resets_unread": Case(reset, {ROUND_TRIP, WRITE, CONNECT}, (ROUND_TRIP,),
                          read=False),
    "resets_after_request": no_answer(reset, "reset"),
    "resets_in_status": no_answer(http.resets_after(b"HTTP/1.1 20"), "reset"),
    "resets_in_headers": no_answer(http.resets_after(
        b"HTTP/1.1 200 OK\r\nA: b"), "reset"),
    "resets_in_body": Case(http.resets_after(length(b"6")), ROUND_TRIP, None,
                           "reset"),
    "resets_in_chunk": Case(http.resets_after(http.CHUNKED + b"5\r\nhel"),
                            ROUND_TRIP, None, "reset"),
    # ------------------------------------------------------------- redirects
    "moved_round": Case(says(http.moved(b"/")), ROUND_TRIP, ("302",),
                        "^stopped after 10 redirects, at http://"),
    "moved_to_file": elsewhere(b"file:///etc/passwd"),
    "moved_to_script": elsewhere(b"javascript:alert(1)"),
    "moved_to_ftp": elsewhere(b"ftp://127.0.0.1/"),
    "moved_to_bracket": led(b"http://[::1", BAD),
    "moved_to_port": led(b"http://127.0.0.1:99999/", BAD),
    "moved_to_port_0": led(b"http://127.0.0.1:0/", BAD),
    "moved_to_nobody": led(b"http:///", BAD),
    "moved_to_user": led(b"http://@:80/", BAD),
    "moved_to_2048": led(b"/" + b"x" * 2048, "^Location too long, at http://"),
    "moved_to_60k": led(b"/" + b"x" * 60000, "^Location too long, at http://"),
    "moved_to_64k": led(b"/" + b"x" * 65536, "headers too large",
                        codes=(ROUND_TRIP,)),
    "moved_nul": led(b"/a\0b", "^http: ", codes=(ROUND_TRIP,)),
    "moved_cr": led(b"/a\rb", "^http: ", codes=(ROUND_TRIP,)),
    "moved_lf": Case(says(http.fields(
        b"302 Found", b"Location: javascript:\nContent-Length: 0")),
        ROUND_TRIP, ("302", ROUND_TRIP)),
    "moved_to_escapes": led(b"http://127.0.0.1%0d%0aX: y/", "."),
    "moved_to_zone": led(b"http://[fe80::1%25nowhere]:9/", "link-local address",
                         ROUND_TRIP, ("302", ROUND_TRIP)),
    "moved_to_dots": led(b"http://no..name/", "label"),
    "moved_to_no_name": led(b"http://nobody.test/", "^dns: ", "dns_done",
                            ("302", ROUND_TRIP)),
    "moved_with_body": Case(http.endless(
        http.fields(b"302 Found", b"Location: /"), b"x"), ROUND_TRIP,
        ("302",), "^stopped after 10 redirects, at http://"),
    # ----------------------------------------------------- TLS, not even that
    "plain_in_tls": no_tls(http.first_reads(says(http.OK)), "plain HTTP"),
    "garbage_in_tls": no_tls(http.first_reads(says(b"\x80\0\xff" * 999)),
                             "does not speak TLS"),
    "tls_warnings": no_tls(http.first_reads(http.endless(
        b"", http.TLS_WARNING))),
    "tls_alert": no_tls(http.first_reads(says(http.TLS_FATAL)), "alert"),
    "tls_empty_records": no_tls(http.first_reads(http.endless(
        b"", http.TLS_EMPTY))),
    "tls_hello_requests": no_tls(http.first_reads(http.endless(
        b"", http.TLS_HELLO_REQUEST)), "timeout", late=True),
    "tls_huge_message": no_tls(http.first_reads(http.endless(
        b"", http.TLS_HUGE_MESSAGE))),
    "tls_huge_record": no_tls(http.first_reads(http.endless(
        b"", http.TLS_HUGE_RECORD))),
    "tls_drips": no_tls(http.first_reads(http.drips(
        b"\x16\x03\x03\x40\x00\x02\x00\x3f\xf0")), "timeout", late=True),
}

# --------------------------------------------------------------------- TLS

authority = Authority("authority")
HERE = "IP:127.0.0.1"
good = authority.issue("good", HERE)
both = tls.Context(*good)
only_1_2 = tls.Context(*good, tls.TLS_1_2)
only_1_3 = tls.Context(*good, tls.TLS_1_3)
ANSWER = tls.says_tls(http.OK)
# ServerHello, Certificate, ServerKeyExchange, ServerHelloDone,
# ChangeCipherSpec, Finished; or ServerHello, ChangeCipherSpec,
# EncryptedExtensions, Certificate, CertificateVerify, Finished
for version, context in (("1_2", only_1_2), ("1_3", only_1_3)):
    CASES[f"tls_{version}"] = secure(context, ANSWER)
    for sent in range(6):
        name = f"tls_{version}_cut_at_{sent}"
        CASES[name] = no_tls(tls.cuts(context, sent), "closed|reset|EOF|eof")
        CASES[f"{name}_and_some"] = no_tls(tls.cuts(context, sent, 3))
        CASES[f"{name}_reset"] = no_tls(tls.cuts(context, sent, abort=True),
                                        "reset")
for name, act in {
        "tls_closes_after_request": lambda peer: peer.goodbye(),
        "tls_cut_after_request": lambda peer: None,
}.items():
    CASES[name] = secure(both, act, ROUND_TRIP, (ROUND_TRIP,), "closed")
CASES["tls_reset_after_request"] = secure(
    both, lambda peer: reset(peer.connection), ROUND_TRIP, (ROUND_TRIP,),
    "reset")
CASES["tls_until_goodbye"] = secure(both, tls.says_tls(http.UNTIL_CLOSE))
CASES["tls_until_end"] = secure(
    both, tls.says_tls(http.UNTIL_CLOSE, goodbye=False))
CASES["tls_until_cut"] = secure(
    both, tls.says_cut(http.UNTIL_CLOSE), ROUND_TRIP, ("200",),
    "closed inside a TLS record")
CASES["tls_cut_in_body"] = secure(
    both, tls.says_tls(length(b"6"), goodbye=False), ROUND_TRIP, ("200",))
CASES["tls_renegotiation"] = secure(only_1_2, tls.renegotiates(http.OK))
CASES["tls_renegotiations"] = secure(
    only_1_2, tls.floods(("SSL_renegotiate",), ("SSL_do_handshake",)),
    ROUND_TRIP, (ROUND_TRIP,), late=True)
CASES["tls_tickets"] = secure(
    only_1_3, tls.floods(("SSL_new_session_ticket",), ("SSL_do_handshake",)),
    ROUND_TRIP, (ROUND_TRIP,), "handshake messages without end")
for name, number in (("tls_key_updates", tls.KEY_UPDATE_NOT_REQUESTED),
                     ("tls_key_requests", tls.KEY_UPDATE_REQUESTED)):
    CASES[name] = secure(only_1_3, tls.floods(
        ("SSL_key_update", number), ("SSL_do_handshake",)), ROUND_TRIP,
        (ROUND_TRIP,), "handshake messages without end")
issuer = tls.Issuer(authority)


def shows(certificate):
    return tls.talks(tls.Context(*certificate), ANSWER)


CASES["tls_chain_of_16"] = Case(shows(issuer.chain(HERE, 16)),
                               scheme="https", read=False)
CASES["tls_chain_of_17"] = no_tls(shows(issuer.chain(HERE, 17)),
                                 "more than 16 certificates")
CASES["tls_chain_of_100"] = no_tls(shows(issuer.chain(HERE, 100)),
                                   "excessive message size")
CASES["tls_names_400"] = Case(shows(issuer.enormous(HERE, 400)),
                              scheme="https", read=False)
CASES["tls_names_5000"] = no_tls(shows(issuer.enormous(HERE, 5000)),
                                 "excessive message size")

# --------------------------------------------------------------- the doctor

fine = Scripted(says(http.OK))
CALM = f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 2s
shutdown_duration = 0s
histogram_buckets = 1
legacy_metrics = false
neighbour_source = static
extra_ca = {authority.path}
[check calm]
url = http://127.0.0.1:{fine.port}/
interval = 1h
[check calm_tls]
url = {CASES["tls_1_3"].url}
interval = 1h
"""
# Of many hops: one check a storm, so that none is cut short between two.
ONCE = ("moved_round", "moved_with_body", "moved_to_zone",
        "moved_to_no_name")
STORM = CALM + "".join(f"""[check {name}]
url = {case.url}
timeout = {LATE_S if case.late else 60}s
""" + ("interval = 1h\n" if name in ONCE else "")
    for name, case in CASES.items())

doctor = Doctor(CALM)
doctor.wait_checks(["calm", "calm_tls"])
worker = doctor.worker("extra")
quiet_threads = threading.active_count()


def watches(pid):
    """What the worker waits for, as its epoll set has it."""
    count = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            if "eventpoll" in os.readlink(f"/proc/{pid}/fd/{fd}"):
                with open(f"/proc/{pid}/fdinfo/{fd}",
                          encoding="ascii") as file:
                    count += file.read().count("tfd:")
        except FileNotFoundError:
            pass
    return count


def left_open():
    return (sorted(re.sub(r"\[\d+\]", "", name)
                   for name in descriptors(worker)), watches(worker))


def resident_kib():
    with open(f"/proc/{worker}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


# A connection lingers for 100 ms at most after its answer.
seen = []
wait(lambda: seen.append(left_open()) or
     len(seen) > 10 and all(one == seen[-1] for one in seen[-10:]))
before = seen[-1]


def by_type():
    """A scrape, each type's series by themselves."""
    lines = {}
    for line in doctor.metrics().text.splitlines():
        found = re.search(r'\{type="(\w+)"', line)
        if found:
            lines.setdefault(found[1], []).append(line)
    return {name: Metrics("\n".join(some)) for name, some in lines.items()}


def ended_checks():
    scrape = by_type()
    return {name: scrape[name].checks(name) if name in scrape else 0
            for name in CASES}


def storm(rounds):
    first = ended_checks()
    doctor.reload(STORM)
    late = []

    def over():
        now = ended_checks()
        late[:] = [name for name in CASES if now[name] < first[name] +
                   (1 if name in ONCE else rounds)]
        time.sleep(0.2)  # between two scrapes, which cost something
        return not late
    ok(wait(over, 90), f"each had {rounds} more checks", late)


def calm():
    doctor.reload(CALM)
    ok(wait(lambda: left_open() == before),
       "nothing is left open in the worker, and it waits for nothing more",
       f"{left_open()} and before {before}")
    wait_ok(lambda: threading.active_count() <= quiet_threads,
            "no server has a connection left")
    return resident_kib()


storm(2)
results = doctor.results()
for name, case in CASES.items():
    like(results[name], case.text, f"{name}: /alive says why")
kib = [calm()]
# How much is needed at once differs with how many checks are late at once; what
# is lost is lost by each storm anew.
while len(kib) < 2 or (len(kib) < 4 and kib[-1] > kib[-2] + 2048):
    storm(2)
    kib.append(calm())
if "asan" not in subprocess.run(
        ["ldd", f"{BUILD}/kubenurse-worker"], capture_output=True, text=True,
        check=True).stdout:
    ok(kib[-1] <= kib[-2] + 2048, "a further storm takes no more memory",
       f"KiB after each: {kib}")
equal(doctor.worker("extra"), worker, "it is the same worker")

# The checks that were cut short count nowhere, so all counters stand still.
final = doctor.metrics()
scrape = by_type()
for name, case in CASES.items():
    own = scrape[name]
    ended = own.checks(name)
    errors = own.select(r"kubenurse_errors_total\{.*")
    events = {re.search('event="(.*)"', series)[1] for series in errors}
    requests = own.select(r"kubenurse_httpclient_requests_total\{.*")
    codes = {re.search('code="(.*)"', series)[1] for series in requests}
    allowed = case.event if isinstance(case.event, set) else {case.event}
    ok(ended >= (2 if name in ONCE else 4) and (sum(errors.values()) == ended and events <= allowed
                       if case.event else not errors),
       f"{name}: one error a check, {case.event}" if case.event else
       f"{name}: no error", f"{ended} checks, {errors}")
    ok(case.codes is None or codes == set(case.codes),
       f"{name}: requests_total says {case.codes}", requests)
    check_sums(own, name)
equal(final.number('kubenurse_httpclient_requests_total{type="moved_round",'
                   'code="302"}'), 10 * final.checks("moved_round"),
      "ten requests, and no eleventh")
equal(final.total("kubenurse_samples_lost_total.*"), 0, "no check was lost")
equal(len(final.select("kubenurse_worker_restarts_total.*")), 0,
      "no worker was restarted")
doctor.stop()
done()
