#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Go program and this one, on the same targets, one after the other: the
series, labels and counts of /metrics, /alive, what the server answers and what
the servers were asked.  What may differ is in the file `allowed`, with its
reason; everything else is a failed test.

    KUBENURSE_GO=/path/to/kubenurse-1.15.3 BUILD=/path/to/build run.py
"""
import os
import re
import sys
import urllib.request

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [FOLDER, FOLDER + "/../lib"]
from lab import *  # noqa: E402,F403

GO = os.environ.get("KUBENURSE_GO", "")
if not os.access(GO, os.X_OK):
    skip_all("KUBENURSE_GO names no program: nothing was compared")
enter()
need("nft", "openssl", "tinyproxy")

import compare  # noqa: E402
from targets import *  # noqa: E402,F403

furnish()
targets = Targets()
shutil.copy(targets.authority.path, f"{ACCOUNT}/ca.crt")
cluster = Cluster(targets)
kept = Scripted(keeps, host="0.0.0.0")
proxy_port, = free_ports(1)
replace(f"{WORK}/tinyproxy.conf", f"""Port {proxy_port}
Listen {HERE}
Timeout 60
MaxClients 50
BasicAuth me secret
""")
Process("tinyproxy", "tinyproxy", "-d", "-c", f"{WORK}/tinyproxy.conf")

REQUESTS = [("GET", "/alwayshappy"), ("HEAD", "/alwayshappy"),
            ("GET", "/ready"), ("HEAD", "/ready"), ("GET", "/x?y=z"),
            ("GET", "/metrics/"), ("GET", "/ALIVE"), ("GET", "/alive/"),
            ("GET", "/%61live"), ("HEAD", "/metrics"), ("GET", "//alive"),
            ("GET", "/a/../alive"), ("POST", "/alwayshappy"),
            ("OPTIONS", "/alive"), ("GET", "/"), ("HEAD", "/")]


class Run:
    """One program in one profile, until each check has ended `rounds` times;
    what it showed then."""

    def __init__(self, program, name, extra, settings, rounds):
        environment = cluster.environment(extra)
        environment.update(settings)
        # its name is that of its host
        words = ["unshare", "--uts", "sh", "-c",
                 f"hostname {POD}; exec {GO}"]
        if program == "ours":
            words = words[:-1] + [f"hostname {POD}; exec {BUILD}/kubenurse"]
        for server in targets.servers.values():
            server.requests.clear()
        self.process = Process(f"{program}-{name}", *words, env=environment)
        types = set(extra)
        if "KUBENURSE_CHECK_NEIGHBOURHOOD" not in settings:
            types |= {f"path_{node}" for node in NEIGHBOURS}
        types |= {kind for kind in (
            "me_ingress", "me_service", "api_server_direct", "api_server_dns")
            if f"KUBENURSE_CHECK_{kind.upper()}" not in settings}
        if name == "no_token" and program == "go":
            types = set()  # it counts none at all
        self.missing = types
        ok(wait(lambda: self.process.popen.poll() is not None or
                self.ended(types) >= rounds and
                self.get("GET", "/alive")[0] == 200, 90) and
           self.process.popen.poll() is None,
           f"{name}: {program}: each check has ended {rounds} times",
           f"not these: {self.missing}\n{self.process.log()}") or done()
        self.metrics = self.text("/metrics")
        self.alive = self.text("/alive")
        self.answers = {f"{method} {path}": self.get(method, path)
                        for method, path in REQUESTS}
        self.asked = {check: self.first_request(server)
                      for check, server in targets.servers.items()
                      if server.context or "tls" not in check}
        self.process.send(signal.SIGKILL)
        self.process.wait()

    def ended(self, types):
        text = self.text("/metrics")
        hops = compare.checks_by_type(compare.read(text)[1])
        self.missing = [name for name in types if not hops[name]]
        return min((hops[name] for name in types), default=sys.maxsize)

    @staticmethod
    def text(path):
        with urllib.request.urlopen(f"http://127.0.0.1:8080{path}",
                                    timeout=10) as got:
            return got.read().decode()

    @staticmethod
    def get(method, path):
        connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=10)
        try:
            connection.request(method, path)
            got = connection.getresponse()
            body = got.read()
            headers = {name: got.headers[name] for name in (
                "Content-Type", "Content-Length", "Location")}
            if body.startswith(b"{"):  # whose texts, and so length, differ
                said = str(len(body)) if len(body) <= 2048 else None
                if headers["Content-Length"] == said:
                    headers["Content-Length"] = "said up to 2048 bytes"
                body = b"JSON"
            return got.status, headers, body
        finally:
            connection.close()

    @staticmethod
    def first_request(server):
        """The lines of one that no redirect has led there."""
        return min(server.requests, default="",
                   key=lambda request: "Referer:" in request).split("\r\n")


def differences(go, ours, with_requests):
    yield from compare.metrics(go.metrics, ours.metrics)
    yield from compare.alive(go.alive, ours.alive)
    for key in go.answers:
        yield from compare.lists(f"answer {key}",
                                 dict(zip(("status", "headers", "body"),
                                          go.answers[key])),
                                 dict(zip(("status", "headers", "body"),
                                          ours.answers[key])))
    for check in go.asked if with_requests else ():
        lines = [dict.fromkeys(run.asked[check], "sent")
                 for run in (go, ours)]
        yield from compare.lists(f"request {check}", *lines)


SOME = {name: targets.urls[name] for name in (
    "healthy", "with_body", "status_404", "tls", "redirect")}
MANY = {**targets.urls}
del MANY["dual_refused"]  # the number of its events is a matter of luck
BY_PROXY = {name: targets.urls[name] for name in (
    "healthy", "status_404", "refused", "tls", "named", "nx", "user",
    "redirect", "url_parts")}
# Rounds: one check more or less that is under way must be less than a quarter.
PROFILES = {
    "plain": (MANY, {}, 5),
    "vmrange": (SOME, {"KUBENURSE_VICTORIAMETRICS_HISTOGRAM": "true",
                       "KUBENURSE_EXPOSE_METADATA": "true"}, 5),
    "buckets": (SOME, {"KUBENURSE_HISTOGRAM_BUCKETS": "1e-3,.25,1,1e6",
                       "KUBENURSE_EXPOSE_METADATA": "true"}, 5),
    "reuse": ({"kept": f"http://{HERE}:{kept.port}/",
               "healthy": targets.urls["healthy"]},
              {"KUBENURSE_REUSE_CONNECTIONS": "true"}, 10),
    "off": ({}, {f"KUBENURSE_CHECK_{name}": "false" for name in (
        "API_SERVER_DIRECT", "API_SERVER_DNS", "ME_INGRESS", "ME_SERVICE")},
        5),
    "insecure": ({name: targets.urls[name] for name in (
        "tls", "tls_expired", "tls_wrong_host", "tls_unknown")},
        {"KUBENURSE_INSECURE": "true"}, 5),
    "tls_listener": ({}, {"KUBENURSE_USE_TLS": "true", "KUBENURSE_INSECURE":
                          "true", "KUBENURSE_CERT_FILE": targets.good[0],
                          "KUBENURSE_CERT_KEY": targets.good[1]}, 5),
    "no_token": (SOME, {"KUBENURSE_CHECK_NEIGHBOURHOOD": "false"}, 5),
    "proxy": (BY_PROXY, {
        "HTTP_PROXY": f"http://me:secret@{HERE}:{proxy_port}",
        "https_proxy": f"me:secret@{HERE}:{proxy_port}",
        "NO_PROXY": "other.test,10.0.0.0/8"}, 5),
    "no_proxy": (BY_PROXY, {
        "HTTP_PROXY": f"http://me:secret@{HERE}:{proxy_port}",
        "HTTPS_PROXY": f"http://me:secret@{HERE}:{proxy_port}",
        "NO_PROXY": ".test, 192.0.2.0/24"}, 5),
}
for pair in targets.good:
    os.chmod(pair, 0o644)

allowed = compare.Allowed(f"{FOLDER}/allowed")
chosen = sys.argv[1:] or PROFILES
for name in chosen:
    extra, settings, rounds = PROFILES[name]
    if name == "no_token":
        os.unlink(f"{ACCOUNT}/token")
        os.mkdir(f"{ACCOUNT}/token")  # is there, and cannot be read
    go = Run("go", name, extra, settings, rounds)
    ours = Run("ours", name, extra, settings, rounds)
    if name == "no_token":
        os.rmdir(f"{ACCOUNT}/token")
        replace(f"{ACCOUNT}/token", "the-token")
    left = allowed.refuse(name, differences(go, ours, name == "plain"))
    ok(not left, f"{name}: what differs is allowed")
    for line in left:
        print(f"#   {line}")
if chosen is PROFILES:
    equal(allowed.unused(), [], "each line of `allowed` is needed")
done()
