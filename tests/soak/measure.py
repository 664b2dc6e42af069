# SPDX-License-Identifier: Apache-2.0
"""What the soaks measure: what each process holds, and whether the counters go
on and account for each check.
"""
import collections
import http.client
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import children, descriptors, replace, title, wait  # noqa: E402

CAS = "/etc/ssl/certs/ca-certificates.crt"
COUNTS = re.compile(r"[a-z_]+(_total|_bucket|_count)({.*)?")


def processes(doctor):
    """{name: pid}"""
    found = {"supervisor": doctor.pid}
    for pid in children(doctor.pid):
        try:
            found[title(pid).replace("kubenurse: ", "")] = pid
        except FileNotFoundError:  # it has ended since
            pass
    return found


def memory_kib(doctor, what):
    """Of each process: Pss, Rss, Private_Dirty..."""
    found = {}
    for name, pid in processes(doctor).items():
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            found[name] = int(re.search(rf"^{what}:\s+(\d+)", file.read(),
                                        re.M)[1])
    return found


def change_cas():
    """Other CAs, of the same meaning."""
    with open(CAS, encoding="ascii") as file:
        text = file.read()
    replace(CAS, text + "\n")


def are_new(doctor, before, workers):
    """All these have been replaced, and the old ones are gone."""
    now = processes(doctor)
    return not any(now.get(name) in (None, before.get(name))
                   for name in workers) and \
        not {before[name] for name in workers if name in before} & \
        set(children(doctor.pid))


def replace_all(doctor, workers):
    """All workers are born anew, of one nursery, as at first."""
    before = processes(doctor)
    change_cas()
    return wait(lambda: are_new(doctor, before, workers), 60)


def open_descriptors(doctor):
    """Of each process, by sort; connections come and go."""
    return {name: collections.Counter(
        re.sub(r":?\[?\d+\]?$", "", one) for one in descriptors(pid))
        for name, pid in processes(doctor).items()}


def count_descriptors(doctor):
    return {name: sum(sorts.values())
            for name, sorts in open_descriptors(doctor).items()}


def count_fdinfo(doctor, word):
    """Of each process: what its descriptors say they watch.  `tfd:` is each
    descriptor of an epoll(7), `inotify wd:` each directory of an inotify(7)."""
    found = {}
    for name, pid in processes(doctor).items():
        found[name] = 0
        for fd in os.listdir(f"/proc/{pid}/fdinfo"):
            try:
                with open(f"/proc/{pid}/fdinfo/{fd}",
                          encoding="ascii") as file:
                    found[name] += len(re.findall(f"^{word}", file.read(),
                                                  re.M))
            except FileNotFoundError:
                pass
    return found


def least(count, rounds=40):
    """What they never fall below: without connections of the moment."""
    lowest = count()
    for _ in range(rounds):
        for name, number in count().items():
            lowest[name] = min(lowest.get(name, number), number)
        time.sleep(0.02)  # between two looks, nothing is waited for
    return lowest


def wakeups(doctor):
    """How often each process went to sleep so far: once for each timer and
    each event that comes alone."""
    found = {}
    for name, pid in processes(doctor).items():
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            found[name] = int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)",
                                        file.read(), re.M)[1])
    return found


class Accounts:
    """What was begun, and what became of it.  types: {worker: the types of its
    checks}; most: so many of one worker's are under way at most."""

    def __init__(self, doctor, types, most):
        self.doctor, self.types, self.most = doctor, types, most
        self.findings = collections.Counter()
        self.scrapes = 0
        self.last = {}

    def of(self, metrics, worker):
        """(begun, results, lost, uncounted)"""
        def one(name):
            return int(metrics.number(f'kubenurse_{name}{{worker="{worker}"}}'))
        return (one("checks_started_total"),
                sum(metrics.checks(name) for name in self.types[worker]),
                one("samples_lost_total"), one("checks_uncounted_total"))

    def look(self, known=None):
        """One scrape in the middle of it: nothing goes backwards, and nothing
        is of an unknown sort."""
        try:
            metrics = self.doctor.metrics()
        except (OSError, http.client.HTTPException):
            return
        self.scrapes += 1
        for worker in self.types:
            begun, results, lost, uncounted = self.of(metrics, worker)
            in_flight = begun - results - lost - uncounted
            if not 0 <= in_flight <= self.most:
                self.findings[f"{worker}: {in_flight} checks in flight"] += 1
        for series, value in metrics.items():
            if COUNTS.fullmatch(series) and \
                    float(value) < float(self.last.get(series, 0)):
                self.findings[f"{series} went from {self.last[series]} to "
                              f"{value}"] += 1
            if known and not known.fullmatch(series):
                self.findings[f"unknown series {series}"] += 1
        self.last = dict(metrics)

    def balance(self, metrics):
        """At the end, of each worker: (whether all is accounted for, what)"""
        for worker in self.types:
            begun, results, lost, uncounted = self.of(metrics, worker)
            yield (begun > 0 and begun == results + lost + uncounted,
                   f"{worker}: {begun} checks begun = {results} results + "
                   f"{lost} lost + {uncounted} uncounted")
