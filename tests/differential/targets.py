# SPDX-License-Identifier: Apache-2.0
"""What both programs are pointed at: servers of every kind and fault, a
nameserver, and an API server that knows pods and nodes.  All of it stands in
the namespace that lab.enter() made, at 192.0.2.1 (which proxies are used for)
and at loopback.
"""
import json
import ssl
import struct
import threading
import urllib.parse

from lab import *  # noqa: F403

HERE = "192.0.2.1"
POD, NODE = "kubenurse-own", "node-own"
NEIGHBOURS = {"node-a": "10.8.1.1", "node-b": "10.8.1.2"}
NO_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def answer(status, headers="", body=b"body"):
    return says(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n"
                f"{headers}\r\n".encode() + body)


def keeps(connection, _):
    """Answers as often as it is asked."""
    connection.sendall(NO_BODY)
    pending = b""
    while piece := connection.recv(4096):
        pending += piece
        while b"\r\n\r\n" in pending:
            pending = pending.partition(b"\r\n\r\n")[2]
            connection.sendall(NO_BODY)


def furnish():
    subprocess.run(["ip", "addr", "add", f"{HERE}/32", "dev", "lo"],
                   check=True)
    # port 9 swallows what is sent to it: no answer to a SYN, no reset
    subprocess.run(["nft", "-f", "-"], check=True, text=True, input="""
table inet lab {
    chain in {
        type filter hook input priority 0
        tcp dport 9 drop
    }
}
""")
    be_at("10.8.1.0/24")
    replace("/etc/resolv.conf", "nameserver 127.0.0.53\n")
    replace("/etc/hosts", f"127.0.0.1 localhost\n{HERE} hosts.test "
            "xn--bcher-kva.test kubernetes.default.svc.cluster.local\n")
    os.makedirs(ACCOUNT)
    replace(f"{ACCOUNT}/token", "the-token")
    Nameserver()


class Nameserver:
    """name.test is HERE; nx, servfail, silent and empty do as they say."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.53", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, sender = self.socket.recvfrom(2048)
            reply = self.reply(query)
            if reply:
                self.socket.sendto(reply, sender)

    @staticmethod
    def reply(query):
        end = query.index(b"\0", 12) + 5
        first = query[13:13 + query[12]].decode().lower()
        kind = struct.unpack("!H", query[end - 4:end - 2])[0]
        if first == "silent":
            return None
        code = {"nx": 3, "servfail": 2}.get(first, 0)
        data = b""
        if first in ("name", "dual") and kind == 1:
            data = socket.inet_aton(HERE)
        if first == "dual" and kind == 28:
            data = socket.inet_pton(socket.AF_INET6, "::1")
        record = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 5, len(data)) \
            + data if data else b""
        return query[:2] + struct.pack(
            "!HHHHH", 0x8180 | code, 1, 1 if data else 0, 0, 0) \
            + query[12:end] + record


class Targets:
    """servers by name, and the URL of each; a server's port is in both."""

    def __init__(self):
        self.authority = Authority("authority")
        good = self.authority.issue(
            "good", f"IP:{HERE},IP:127.0.0.1,DNS:name.test,"
            "DNS:kubernetes.default.svc.cluster.local")
        self.good = good
        expired = self.authority.issue("expired", f"IP:{HERE}", expired=True)
        elsewhere = self.authority.issue("elsewhere", "DNS:elsewhere.test")
        stranger = Authority("stranger").issue("unknown", f"IP:{HERE}")
        self.servers, self.urls = {}, {}
        self.good_context = self.context(good)
        for name, act in self.plain().items():
            self.add(name, act)
        for name, pair in (("tls", good), ("tls_expired", expired),
                           ("tls_wrong_host", elsewhere),
                           ("tls_unknown", stranger)):
            self.add(name, says(NO_BODY), self.context(pair))
        self.add("tls_name", says(NO_BODY), self.good_context,
                 host="name.test")
        self.add_tls_faults()
        self.add_names()
        self.add_redirects()

    @staticmethod
    def context(pair):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        return context

    def add(self, name, act, context=None, host=HERE, path="/", https=None,
            read=True, user=""):
        server = Scripted(act, host="0.0.0.0", context=context, read=read)
        self.servers[name] = server
        scheme = "https" if (context or https) else "http"
        self.urls[name] = f"{scheme}://{user}{host}:{server.port}{path}"
        return server

    @staticmethod
    def plain():
        head = b"HTTP/1.1 200 OK\r\n"
        return {
            "healthy": says(NO_BODY), "with_body": answer("200 OK"),
            "until_close": says(head + b"\r\nsome"),
            "chunked": says(head + b"Transfer-Encoding: chunked\r\n\r\n"
                            b"4\r\nbody\r\n0\r\n\r\n"),
            "informational": says(b"HTTP/1.1 103 Early Hints\r\n\r\n" +
                                  NO_BODY),
            "status_204": says(b"HTTP/1.1 204 No Content\r\n\r\n"),
            "status_404": answer("404 Not Found"),
            "status_500": answer("500 Internal Server Error"),
            "status_503": answer("503 "), "status_599": answer("599 Odd One"),
            "status_304": says(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
            "eof": lambda connection, _: None, "reset": reset,
            "silence": silent, "garbage": says(b"SSH-2.0-OpenSSH\r\n\r\n"),
            "bad_length": says(head + b"Content-Length: x\r\n\r\n"),
            "half_headers": says(head + b"X: y\r\n"),
            "truncated": says(head + b"Content-Length: 100\r\n\r\nshort"),
            "bad_chunk": says(head + b"Transfer-Encoding: chunked\r\n\r\n"
                              b"zz\r\n"),
        }

    def add_tls_faults(self):
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        old.load_cert_chain(*self.good)
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        self.add("tls_1_1", says(NO_BODY), old)
        self.add("tls_plain", lambda connection, _: (
            connection.recv(1), connection.sendall(NO_BODY),
            connection.recv(4096)), https=True, read=False)
        self.add("tls_eof", lambda connection, _: connection.recv(1),
                 https=True, read=False)
        self.add("tls_silence", silent, https=True, read=False)

    def add_names(self):
        self.add("url_parts", says(NO_BODY), path="/a%2fb/é;c?d=e f")
        self.add("user", says(NO_BODY), user="me:secret@")
        self.add("named", says(NO_BODY), host="name.test")
        self.add("beyond_ascii", says(NO_BODY), host="bücher.test")
        self.add("in_hosts", says(NO_BODY), host="hosts.test")
        dual = self.add("dual", says(NO_BODY), host="dual.test")
        Scripted(says(NO_BODY), host="::1", port=dual.port)
        self.urls.update(
            nx="http://nx.test/", servfail="http://servfail.test/",
            dns_silence="http://silent.test/", empty="http://empty.test/",
            refused=f"http://{HERE}:1/", swallowed=f"http://{HERE}:9/",
            dual_refused="http://dual.test:1/")

    def add_redirects(self):
        for name, status, place in (
                ("redirect", "302 Found", self.urls["healthy"]),
                ("redirect_301", "301 Moved", self.urls["healthy"]),
                ("redirect_303", "303 See Other", self.urls["healthy"]),
                ("redirect_307", "307 Temporary", self.urls["healthy"]),
                ("redirect_308", "308 Permanent", self.urls["healthy"]),
                ("redirect_300", "300 Choices", self.urls["healthy"]),
                ("redirect_404", "302 Found", self.urls["status_404"]),
                ("redirect_refused", "302 Found", self.urls["refused"]),
                ("redirect_tls", "302 Found", self.urls["tls"]),
                ("redirect_named", "302 Found", self.urls["named"]),
                ("redirect_ftp", "302 Found", f"ftp://{HERE}/")):
            self.add(name, answer(status, f"Location: {place}\r\n"))
        self.add("redirect_nowhere", answer("302 Found"))
        self.add("redirect_loop", answer("302 Found", "Location: /\r\n"))

        def relative(connection, request):
            act = says(NO_BODY) if b" /next/place?q " in request else answer(
                "302 Found", "Location: place?q\r\n")
            act(connection, request)
        self.add("redirect_relative", relative, path="/next/start")


class Cluster:
    """The API server, as a client of pods and nodes needs it: by https, and
    by http for the Go program, which is told where by a kubeconfig."""

    def __init__(self, targets):
        self.targets, self.own = targets, Scripted(keeps, host="0.0.0.0")
        self.version = Scripted(self.serve, host="0.0.0.0",
                                context=targets.good_context)
        self.api = Scripted(self.serve, host="127.0.0.1")
        kind = {"apiVersion": "v1"}
        self.objects = {"pods": [], "nodes": []}
        names = {NODE: (POD, "10.8.1.9")}
        names.update({node: (f"kubenurse-{node}", address)
                      for node, address in NEIGHBOURS.items()})
        for number, (node, (pod, address)) in enumerate(names.items()):
            self.objects["pods"].append(dict(kind, kind="Pod", metadata={
                "name": pod, "namespace": "kubenurse",
                "uid": f"p{number}", "resourceVersion": "7"},
                spec={"nodeName": node},
                status={"phase": "Running", "podIP": address,
                        "hostIP": "198.51.100.1"}))
            self.objects["nodes"].append(dict(kind, kind="Node", metadata={
                "name": node, "uid": f"n{number}", "resourceVersion": "7"},
                spec={}, status={}))

    def serve(self, connection, request):
        if not request:
            return None  # a check that ended before it asked
        url = urllib.parse.urlsplit(request.split()[1].decode())
        query = urllib.parse.parse_qs(url.query)
        name = url.path.rpartition("/")[2]
        if name == "version":
            return self.send(connection, {"major": "1"})
        if name not in self.objects:
            body = {"kind": "APIResourceList", "apiVersion": "v1",
                    "groupVersion": "v1", "resources": [
                        {"name": "pods", "namespaced": True, "kind": "Pod",
                         "singularName": "pod", "verbs": ["list", "watch"]},
                        {"name": "nodes", "namespaced": False, "kind": "Node",
                         "singularName": "node", "verbs": ["list", "watch"]}]}
            return self.send(connection, body)
        kind = name[:-1].capitalize()
        objects = [] if "fieldSelector" in query and kind == "Node" \
            else self.objects[name]
        if "watch" not in query:
            return self.send(connection, {
                "kind": f"{kind}List", "apiVersion": "v1",
                "metadata": {"resourceVersion": "7"},
                "items": objects})
        events = []
        if query.get("sendInitialEvents") == ["true"]:
            events = [{"type": "ADDED", "object": one}
                      for one in objects]
            events.append({"type": "BOOKMARK", "object": {
                "kind": kind, "apiVersion": "v1", "metadata": {
                    "resourceVersion": "7", "annotations": {
                        "k8s.io/initial-events-end": "true"}}}})
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json"
                           b"\r\nConnection: close\r\n\r\n" + b"".join(
                               json.dumps(event).encode() + b"\n"
                               for event in events))
        connection.settimeout(600)
        return connection.recv(1)

    def environment(self, extra):
        """What both programs are started with, and these extra checks."""
        return {
            "PATH": os.environ["PATH"], "HOME": WORK,
            "KUBENURSE_EXTRA_CHECKS": "|".join(
                f"{check}:{url}" for check, url in extra.items()),
            "KUBENURSE_CHECK_INTERVAL": "1s",
            "KUBENURSE_SHUTDOWN_DURATION": "0s",
            "KUBENURSE_EXTRA_CA": self.targets.authority.path,
            "KUBENURSE_NAMESPACE": "kubenurse",
            "KUBENURSE_ALLOW_UNSCHEDULABLE": "true",
            "KUBENURSE_INGRESS_URL": f"http://{HERE}:{self.own.port}",
            "KUBENURSE_SERVICE_URL": f"http://{HERE}:{self.own.port}",
            "KUBERNETES_SERVICE_HOST": HERE,
            "KUBERNETES_SERVICE_PORT": str(self.version.port),
            "KUBECONFIG": self.write_kubeconfig(),
        }

    @staticmethod
    def send(connection, body):
        body = json.dumps(body).encode()
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body)

    def write_kubeconfig(self):
        path = f"{WORK}/kubeconfig"
        replace(path, json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "one",
            "clusters": [{"name": "one", "cluster": {
                "server": f"http://127.0.0.1:{self.api.port}"}}],
            "users": [{"name": "one", "user": {}}],
            "contexts": [{"name": "one", "context": {
                "cluster": "one", "user": "one"}}]}))
        return path
