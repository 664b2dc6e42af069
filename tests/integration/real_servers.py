# SPDX-License-Identifier: Apache-2.0
"""Real nginx and haproxy as the ingress and what stands behind it, and a real
Prometheus on the other side: what is checked, what is scraped, and that no
connection is left in TIME_WAIT.
"""
import math
import os
import subprocess
import sys
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("nginx", "haproxy", "prometheus", "promtool", "openssl", "ss")

http, https, front, dead, own, prometheus, alone = free_ports(7)
replace("/etc/hosts", "127.0.0.1 localhost web.test ingress.test\n")
authority = Authority("authority")
certificate, key = authority.issue("web", "DNS:web.test,DNS:ingress.test")
stranger = Authority("stranger")
strange = stranger.issue("strange", "DNS:web.test")
replace(f"{WORK}/users", "me:{PLAIN}p@ss\n")
replace(f"{WORK}/secret-header", "X-Key: a secret of the file\n")
with open(f"{WORK}/web.pem", "w", encoding="ascii") as both:
    both.write(open(certificate, encoding="ascii").read() +
               open(key, encoding="ascii").read())
os.makedirs(f"{WORK}/root")
for name, size in (("large", 2 << 20), ("chunked", 100000), ("empty", 0)):
    with open(f"{WORK}/root/{name}", "w", encoding="ascii") as file:
        file.write("x" * size)
strange_port, = free_ports(1)
CHAIN = "".join(f"\t\tlocation = /chain/{left} {{ return 302 "
                f"/{f'chain/{left - 1}' if left > 1 else 'alwayshappy'}; }}\n"
                for left in range(1, 12))
replace(f"{WORK}/nginx.conf", f"""daemon off;
user root;
error_log stderr;
pid {WORK}/nginx.pid;
events {{ }}
http {{
	access_log {WORK}/access.log;
	absolute_redirect off;
	map $http_x_one:$http_x_two:$http_x_key $has_headers {{
		"1:two words:a secret of the file" 1;
	}}
	client_body_temp_path {WORK}/t1;
	proxy_temp_path {WORK}/t2;
	fastcgi_temp_path {WORK}/t3;
	uwsgi_temp_path {WORK}/t4;
	scgi_temp_path {WORK}/t5;
	server {{
		listen 127.0.0.1:{http};
		listen 127.0.0.1:{https} ssl http2;
		ssl_certificate {certificate};
		ssl_certificate_key {key};
		root {WORK}/root;
		location /chunked {{ ssi on; ssi_types *; }}
		location /alwayshappy {{ return 200; }}
		location /moved {{ return 302 /alwayshappy; }}
		location /secure {{
			return 301 https://web.test:{https}/moved;
		}}
		location /loop {{ return 307 /loop; }}
		location /accepted {{ return 202; }}
		location /failing {{ return 503; }}
		location /post {{
			if ($request_method = POST) {{ return 200; }}
			return 405;
		}}
		location /headers {{
			if ($has_headers) {{ return 200; }}
			return 403;
		}}
		location /a {{ return 200; }}
		location /user {{
			auth_basic "who is it";
			auth_basic_user_file {WORK}/users;
			try_files /empty =404;
		}}
		location /beside {{ return 302 ../alwayshappy; }}
		location /authority {{ return 302 //web.test:{alone}/; }}
{CHAIN}	}}
	server {{
		listen 127.0.0.1:{alone};
		listen [::1]:{alone};
		return 200;
	}}
	server {{
		listen 127.0.0.1:{strange_port} ssl;
		ssl_certificate {strange[0]};
		ssl_certificate_key {strange[1]};
		return 200;
	}}
}}
""")
replace(f"{WORK}/haproxy.conf", f"""global
	log stderr local0
defaults
	mode http
	timeout connect 1s
	timeout client 10s
	timeout server 10s
frontend ingress
	bind 127.0.0.1:{front} ssl crt {WORK}/web.pem alpn h2,http/1.1
	use_backend dead if {{ path /dead }}
	default_backend web
backend web
	server web 127.0.0.1:{http}
backend dead
	retries 0
	server dead 127.0.0.1:{dead}
""")
start_server("nginx", http, "nginx", "-p", WORK, "-c", f"{WORK}/nginx.conf")
start_server("haproxy", front, "haproxy", "-db", "-f", f"{WORK}/haproxy.conf")

W, S, I = (f"http://web.test:{http}", f"https://web.test:{https}",
           f"https://ingress.test:{front}")
X = f"https://web.test:{strange_port}/"  # nobody's authority has signed it
SELDOM = "interval = 2s\n"  # for these are many requests each
# name: (url, more keys, codes of one check, the error's event, /alive)
CHECKS = {
    "plain": (f"{W}/alwayshappy", "", {"200": 1}, None, "^ok$"),
    "tls": (f"{S}/alwayshappy", "", {"200": 1}, None, "^ok$"),
    "chunked": (f"{W}/chunked", "", {"200": 1}, None, "^ok$"),
    "large": (f"{S}/large", "", {"200": 1}, None, "^ok$"),
    "empty": (f"{W}/empty", "", {"200": 1}, None, "^ok$"),
    "head": (f"{W}/large", "method = HEAD\n", {"200": 1}, None, "^ok$"),
    "missing": (f"{W}/missing", "", {"404": 1}, "status_code_404",
                "^404 Not Found$"),
    "failing": (f"{S}/failing", "", {"503": 1}, "status_code_503",
                "^503 Service"),
    "accepted": (f"{W}/accepted", "expect = 200, 202\n", {"202": 1}, None,
                 "^ok$"),
    "moved": (f"{W}/moved", "", {"302": 1, "200": 1}, None, "^ok$"),
    "secure": (f"{W}/secure", "", {"301": 1, "302": 1, "200": 1}, None,
               "^ok$"),
    "ten_requests": (f"{W}/chain/9", SELDOM, {"302": 9, "200": 1}, None, "^ok$"),
    "eleven_requests": (f"{W}/chain/10", SELDOM, {"302": 10}, "round_trip_error",
                        "10 redirects"),
    "twelve_requests": (f"{W}/chain/11", SELDOM, {"302": 10}, "round_trip_error",
                        "10 redirects"),
    "relative": (f"{W}/beside/it", "", {"302": 1, "200": 1}, None, "^ok$"),
    "other_port": (f"{W}/authority", "", {"302": 1, "200": 1}, None, "^ok$"),
    "post": (f"{W}/post", "method = POST\n", {"200": 1}, None, "^ok$"),
    "headers": (f"{W}/headers", "header = X-One: 1\nheader = X-Two: two words"
                f"\nheader_file = {WORK}/secret-header\n", {"200": 1}, None,
                "^ok$"),
    "no_headers": (f"{W}/headers", "", {"403": 1}, "status_code_403",
                   "^403 "),
    "as_written": (f"{W}/a b/é;c%2fd?q={{b}}|é&x=%zz#fragment", "", {"200": 1},
                   None, "^ok$"),
    "user": (f"http://me:p%40ss@web.test:{http}/user", "", {"200": 1}, None,
             "^ok$"),
    "no_user": (f"{W}/user", "", {"401": 1}, "status_code_401", "^401 "),
    "literal6": (f"http://[::1]:{alone}/", "", {"200": 1}, None, "^ok$"),
    "own_ca": (X, f"ca = {stranger.path}\n", {"200": 1}, None, "^ok$"),
    "not_own_ca": (X, "", {"round_trip_error": 1}, "tls_handshake_done",
                   "^tls: ."),
    "insecure": (X, "insecure = true\n", {"200": 1}, None, "^ok$"),
    "unfollowed": (f"{W}/moved", "follow_redirects = false\n", {"302": 1},
                   "status_code_302", "^302 "),
    "loop": (f"{W}/loop", SELDOM, {"307": 10}, "round_trip_error",
             "10 redirects"),
    "dead": (f"{I}/dead", "", {"503": 1}, "status_code_503", "^503 "),
    "plain_to_tls": (f"http://web.test:{https}/", "", {"400": 1},
                     "status_code_400", "^400 "),
    "tls_to_plain": (f"https://web.test:{http}/", "",
                     {"round_trip_error": 1}, "tls_handshake_done", "^tls: ."),
    "seldom": (f"{W}/empty", "interval = 1h\n", {"200": 1}, None, "^ok$"),
    "me_ingress": (None, "", {"200": 1}, None, "^ok$"),
    "me_service": (None, "", {"200": 1}, None, "^ok$"),
}
doctor = Doctor(f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 500ms
shutdown_duration = 60s
extra_ca = {authority.path}
ingress_url = {I}
service_url = {W}/
neighbour_source = static
neighbour_port = {http}
""" + "".join(f"[check {name}]\nurl = {case[0]}\n{case[1]}"
              for name, case in CHECKS.items() if case[0]) + """
[neighbours]
neighbour = node-a 127.0.0.1
neighbour = node-b 127.0.0.2
""", port=own)
doctor.wait_checks([name for name in CHECKS if name != "seldom"], 2)
doctor.wait_checks(["seldom"])

# --------------------------------------------------------------- Prometheus

replace(f"{WORK}/prometheus.yml", f"""global:
  scrape_interval: 200ms
  scrape_timeout: 200ms
scrape_configs:
  - job_name: kubenurse
    static_configs:
      - targets: ['127.0.0.1:{own}']
""")
start_server("prometheus", prometheus, "prometheus",
             f"--config.file={WORK}/prometheus.yml",
             f"--storage.tsdb.path={WORK}/tsdb",
             f"--web.listen-address=127.0.0.1:{prometheus}")


def ask(path, **query):
    url = f"http://127.0.0.1:{prometheus}/api/v1/{path}?" + \
        urllib.parse.urlencode(query)
    with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
        return json.load(answer)["data"]


def query(expression):
    """The first value of an instant query; None, too, while it is NaN."""
    result = ask("query", query=expression)["result"]
    value = float(result[0]["value"][1]) if result else math.nan
    return None if math.isnan(value) else value


def target():
    found = ask("targets")["activeTargets"]
    return found[0] if found else {"health": "none", "lastError": "none"}


wait(lambda: target()["health"] == "up")
equal((target()["health"], target()["lastError"]), ("up", ""),
      "K 2.16 Prometheus: the target is up")
ok(wait(lambda: query(
    'kubenurse_httpclient_requests_total{type="me_ingress",code="200"}')),
   "its counters can be queried")
ok(wait(lambda: (query('rate(kubenurse_check_duration_seconds_count{type='
                       '"plain",outcome="ok"}[1m])') or 0) > 0),
   "and their rates")
quantile = wait(lambda: query(
    'histogram_quantile(0.5, sum by (le) (rate(kubenurse_phase_duration_'
    'seconds_bucket{type="tls",phase="tls"}[1m])))'))
ok(quantile and 0 < quantile < 1, "quantiles of its histograms", quantile)
kinds = {name: rows[0]["type"] for name, rows in ask("metadata").items()}
equal({name: kinds.get(name) for name in (
    "kubenurse_errors_total", "kubenurse_httpclient_request_duration_seconds",
    "kubenurse_neighbourhood_incoming_checks", "process_open_fds")},
    {"kubenurse_errors_total": "counter",
     "kubenurse_httpclient_request_duration_seconds": "histogram",
     "kubenurse_neighbourhood_incoming_checks": "gauge",
     "process_open_fds": "gauge"}, "it knows their kinds")
lint = subprocess.run(["promtool", "check", "metrics"],
                      input=doctor.metrics().text, capture_output=True,
                      text=True)
ok(lint.returncode == 0, "K 2.16 promtool check metrics finds nothing",
   lint.stdout + lint.stderr)

# ------------------------------------------------- behind HAProxy, as it comes

(balancer,) = free_ports(1)
replace(f"{WORK}/doctors.conf", f"""defaults
	mode http
	timeout connect 1s
	timeout client 10s
	timeout server 10s
listen doctors
	bind 127.0.0.1:{balancer}
	stats uri /stats
	option httpchk
	server doctor 127.0.0.1:{own} check inter 100ms fall 1
""")
start_server("doctors", balancer, "haproxy", "-db", "-f", f"{WORK}/doctors.conf")


def stats():
    with urllib.request.urlopen(f"http://127.0.0.1:{balancer}/stats;csv") as page:
        return page.read().decode()


wait_ok(lambda: re.search("^doctors,doctor,.*,UP,.*,L7OK,204,", stats(), re.M),
        "its health check by default, OPTIONS /, finds the doctor well")

# -------------------------------------------------------------- what was seen

results = doctor.results()
final = doctor.settle()
for name, (_, _, codes, event, text) in CHECKS.items():
    like(results[name], text, f"N 3.8 {name}: /alive")
    ended = final.checks(name)
    requests = {re.search('code="(.*?)"', series)[1]: value
                for series, value in final.select(
                    "kubenurse_httpclient_requests_total"
                    f'{{type="{name}",.*}}').items()}
    errors = final.select(f'kubenurse_errors_total{{type="{name}",.*}}')
    equal(errors, {f'kubenurse_errors_total{{type="{name}",event="{event}"}}':
                   ended} if event else {}, f"F 3.14 {name}: errors")
    equal(requests, {code: count * ended for code, count in codes.items()},
          f"K 1.24, N 3.8, K 3.12, K 3.13, K 3.22 {name}: requests")
    check_sums(final, name)
equal(final.checks("seldom"), 1, "N 3.8, F 3.15 seldom: its own interval")
for name in ("path_node-a", "path_node-b"):
    ok(final.number(f'kubenurse_httpclient_requests_total{{type="{name}",'
                    'code="200"}') if name == "path_node-a" else
       final.number(f'kubenurse_errors_total{{type="{name}",'
                    'event="connect_done"}'), f"{name}: counted for itself")
check_sums(final, "path", "all neighbours together")
sockets = subprocess.run(["ss", "-Htan", "state", "time-wait"],
                         capture_output=True, text=True).stdout.splitlines()
ours = [line for line in sockets if line.split()[-1].rpartition(":")[2] in
        (str(http), str(https), str(front)) and
        "127.0.0.1" in line.split()[-1]]
ok(len(ours) <= 5, "our end of connections is not left in TIME_WAIT",
   f"{len(ours)} of {len(sockets)}:\n" + "\n".join(ours[:10]))
with open(f"{WORK}/access.log", encoding="ascii") as log:
    log = log.read()
like(log, r'"GET /alwayshappy HTTP/1\.1" 200 .*"kubenurse/\d',
     "K 3.20 nginx has seen kubenurse, and HTTP/1.1")
ok('"GET /a%20b/%C3%A9;c%2fd?q={b}|\\xC3\\xA9&x=%zz HTTP/1.1"' in log,
   "K 3.23 as_written: the path is encoded where it must be, the query is as it was",
   re.findall(".*GET /a.b.*", log)[:1])
doctor.halt()
done()
