# SPDX-License-Identifier: Apache-2.0
"""Nameservers that mean harm, one name for each way: a check fails in
`dns_done` and nowhere else, each nameserver's part is told apart, what is no
answer does not hide the true one, and nothing is left open.
"""
import os
import re
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403
from bad_dns import *  # noqa: E402,F403

enter()
# The second has no TCP; else both do the same.
FIRST, SECOND = "127.0.0.53", "127.0.0.54"


def cname(target):
    return record(CNAME, target)


def to(first):
    """The name FIRST.test, as a record has it."""
    return bytes((len(first),)) + first.encode() + b"\4test\0"


def chain_of(length):
    """The name in the question, from alias to alias, to an address."""
    def reply(query):
        records, owner = [], OWNER
        for number in range(length):
            records.append(record(CNAME, to(f"a{number}"), owner))
            owner = to(f"a{number}")
        if query.type == A:
            records.append(record(A, HERE, owner))
        return [query.say(*records)]
    return reply


def many_addresses(query):
    if query.type != A:
        return [framed(query.say())]
    return [framed(query.say(*[record(A, HERE)] * 4000))]


def wrong(**how):
    """Right, but for this; and nothing else comes."""
    return lambda query: [query.say(record(A, HERE), **how)]


def first(*replies):
    """These, and then the right answer."""
    return lambda query: [reply(query) for reply in replies] + [
        query.address()]


def wrong_id(query):
    return query.say(record(A, HERE), number=query.id ^ 1)


def other_question(query):
    return query.say(record(A, HERE), question=b"\5other\4test\0" +
                     query.packet[-4:])


def malformed(*records, **how):
    return lambda query: [query.say(*records, **how)]


def slowly(query):
    return [bytes((byte,)) for byte in framed(query.address())]


# name: (what is answered, None when the check is ok or what /alive says,
# the first nameserver's reason, the second's)
MALFORMED, TIMEOUT, UNREACHABLE = "malformed", "timeout", "unreachable"
BAD_TEXT = "^dns: malformed answer for "
# the second one, by TCP; the first one failed otherwise
REFUSES = rf"^dns: {re.escape(SECOND)}:53: Connection refused for "
CASES = {
    "right": (first(), None, None, None),
    # ---------------------------------------------- before the true answer
    "ids": (first(*[wrong_id] * 60), None, None, None),
    "questions": (first(other_question), None, None, None),
    "empty": (first(lambda query: b""), None, None, None),
    "eleven": (first(lambda query: query.packet[:11]), None, None, None),
    "echo": (first(lambda query: query.packet), None, None, None),
    "stranger": (first(lambda query: Elsewhere(query.say(
        record(A, b"\xc0\0\2\1")))), None, None, None),
    # ------------------------------------------------- instead of an answer
    "only_ids": (lambda query: [wrong_id(query)], BAD_TEXT, MALFORMED,
                 MALFORMED),
    "only_other": (lambda query: [other_question(query)], BAD_TEXT,
                   MALFORMED, MALFORMED),
    "only_empty": (lambda query: [b""], BAD_TEXT, MALFORMED, MALFORMED),
    "only_eleven": (lambda query: [query.packet[:11]], BAD_TEXT, MALFORMED,
                    MALFORMED),
    "only_echo": (lambda query: [query.packet], BAD_TEXT, MALFORMED,
                  MALFORMED),
    "only_strange": (lambda query: [Elsewhere(query.address())],
                     "^dns: timeout for ", TIMEOUT, TIMEOUT),
    "opcode": (wrong(flags=ANSWER | 0x2800), BAD_TEXT, MALFORMED, MALFORMED),
    "no_question": (lambda query: [query.packet[:2] + struct.pack(
        "!HHHHH", ANSWER, 0, 0, 0, 0)], BAD_TEXT, MALFORMED, MALFORMED),
    "question_loop": (malformed(question=b"\xc0\x0c\0\1\0\1"), BAD_TEXT,
                      MALFORMED, MALFORMED),
    "question_cut": (lambda query: [query.say()[:-3]], BAD_TEXT, MALFORMED,
                     MALFORMED),
    # ------------------------------------------------------ a broken answer
    "owner_loop": (malformed(b"\xc0\xff\xc0", count=1), BAD_TEXT, MALFORMED,
                   MALFORMED),
    "self_loop": (lambda query: [query.say(record(
        A, HERE, struct.pack("!H", 0xc000 | len(query.packet))))], BAD_TEXT,
        MALFORMED, MALFORMED),
    "ping_pong": (lambda query: [query.say(record(
        CNAME, struct.pack("!H", 0xc000 | (len(query.packet) + 12))))],
        BAD_TEXT, MALFORMED, MALFORMED),
    "length_over": (malformed(record(A, HERE, length=400)), BAD_TEXT,
                    MALFORMED, MALFORMED),
    "count_lies": (malformed(record(TXT, b"\1x"), count=65535), BAD_TEXT,
                   MALFORMED, MALFORMED),
    "label_64": (malformed(b"\x40" + b"x" * 64 + record(A, HERE, b"\0"),
                           count=1), BAD_TEXT, MALFORMED, MALFORMED),
    # -------------------------------------------------- no address in it
    "cname_loop": (lambda query: [query.say(
        cname(to("other")), record(CNAME, to(query.first), to("other")))],
        "^dns: no data for ", None, None),
    "cname_self": (malformed(cname(OWNER)), "^dns: no data for ", None, None),
    "txt": (malformed(record(TXT, b"\xff" + b"x" * 255)),
            "^dns: no data for ", None, None),
    "cname_chain": (chain_of(12), None, None, None),
    # ---------------------------------------------------------------- by TCP
    "tcp": (by_tcp(lambda query: [framed(query.address())]), None, None,
            None),
    "tcp_slowly": (by_tcp(slowly), None, None, None),
    "tcp_4000": (by_tcp(many_addresses), None, None, None),
    "tcp_giant_txt": (by_tcp(lambda query: [framed(query.say(
        *[record(TXT, 250 * (b"\xff" + b"x" * 255))] * 1))]),
        "^dns: no data for ", None, None),
    "udp_giant_txt": (lambda query: [framed(query.address())]
                      if query.over_tcp else [query.say(record(
                          TXT, 230 * (b"\xff" + b"x" * 255)))], None, None,
                      None),
    "tcp_refused": (by_tcp(lambda query: [framed(query.say(
        flags=ANSWER | 2))]), REFUSES, "servfail",
        UNREACHABLE),
    "tcp_closes": (by_tcp(lambda query: []), REFUSES,
                   MALFORMED, UNREACHABLE),
    "tcp_cut": (by_tcp(lambda query: [framed(query.address())[:20]]),
                REFUSES, MALFORMED, UNREACHABLE),
    "tcp_silent": (by_tcp(lambda query: [SILENCE]),
                   REFUSES, TIMEOUT, UNREACHABLE),
    "tcp_half": (by_tcp(lambda query: [framed(query.address())[:1], SILENCE]),
                 REFUSES, TIMEOUT, UNREACHABLE),
    "tcp_0": (by_tcp(lambda query: [b"\0\0"]), REFUSES,
              MALFORMED, UNREACHABLE),
    "tcp_eleven": (by_tcp(lambda query: [framed(query.packet[:11])]),
                   REFUSES, MALFORMED, UNREACHABLE),
    "tcp_ids": (by_tcp(lambda query: [framed(wrong_id(query))]),
                REFUSES, MALFORMED, UNREACHABLE),
    "tcp_cut_too": (by_tcp(lambda query: [framed(query.say(
        record(A, HERE), flags=TRUNCATED))] if query.type == A else
        [framed(query.say())]), None, None, None),
}

behaviours = {name: case[0] for name, case in CASES.items()}
Nameserver(FIRST, behaviours)
Nameserver(SECOND, behaviours, tcp=False)
replace("/etc/resolv.conf", f"nameserver {FIRST}\nnameserver {SECOND}\n"
        "options timeout:1 attempts:1\n")
web = Scripted(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
CALM = f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 3s
shutdown_duration = 0s
neighbour_source = static
[check calm]
url = http://right.test:{web.port}/
interval = 1h
"""
STORM = CALM + "".join(f"[check {name}]\nurl = http://{name}.test:{web.port}/"
                       "\ntimeout = 60s\n" for name in CASES)

doctor = Doctor(CALM)
doctor.wait_checks(["calm"])
worker = doctor.worker("extra")


def left_open():
    return sorted(re.sub(r"\[\d+\]", "", name)
                  for name in descriptors(worker))


seen = []
wait(lambda: seen.append(left_open()) or
     len(seen) > 10 and all(one == seen[-1] for one in seen[-10:]))
before = seen[-1]
doctor.reload(STORM)
late = []


def over():
    scrape = doctor.metrics()
    late[:] = [name for name in CASES if scrape.checks(name) < 2]
    time.sleep(0.2)  # between two scrapes, which cost something
    return not late


ok(wait(over, 60), "each name was asked for twice", late)
results = doctor.results()
doctor.reload(CALM)
ok(wait(lambda: left_open() == before), "nothing is left open",
   f"{left_open()} and before {before}")

# The checks that were cut short count nowhere, so the counters stand still.
final = doctor.metrics()
for name, (_, text, first_reason, second_reason) in CASES.items():
    like(results[name], text or "^ok$", f"{name}: /alive says so")
    ended = final.checks(name)
    errors = final.select(f'kubenurse_errors_total{{type="{name}",.*}}')
    ok(errors == ({f'kubenurse_errors_total{{type="{name}",event="dns_done"}}':
                   ended} if text else {}),
       f"{name}: one error a check, dns_done" if text else
       f"{name}: no error", f"{ended} checks, {errors}")
    reasons = {(re.search('nameserver="(.*?):53"', series)[1],
                re.search('reason="(.*?)"', series)[1])
               for series in final.select(
                   f'kubenurse_dns_errors_total{{type="{name}",.*}}')}
    equal(reasons, {(server, reason) for server, reason in (
        (FIRST, first_reason), (SECOND, second_reason)) if reason},
        f"{name}: what each nameserver did")
    check_sums(final, name)
equal(doctor.worker("extra"), worker, "it is the same worker")
equal(len(final.select("kubenurse_worker_restarts_total.*")), 0,
      "no worker was restarted")
doctor.stop()
done()
