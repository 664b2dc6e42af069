# SPDX-License-Identifier: Apache-2.0
"""A worker that was taken over writes what it likes to its standard error: the
log shows each line as that worker's, shows no more than a bounded number of
them, and nobody waits.  What a dying worker writes is still shown.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
INI = """[kubenurse]
listen = 127.0.0.1:{port}
shutdown_duration = 0s
ingress_url = http://127.0.0.1:1/
neighbour_source = static
check_neighbourhood = false
log_format = FORMAT
[check one]
url = http://127.0.0.1:1/
interval = 1h
"""
PARSE = {
    "logfmt": lambda line: dict(
        (key, json.loads(value) if value[0] == '"' else value)
        for key, value in re.findall(
            r'(?:^| )([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "]+)', line)),
    "json": json.loads,
}
MOST = 200  # lines of one process at once: supervisor/log_budget.h


def restarts(doctor):
    return doctor.metrics().total("kubenurse_worker_restarts_total.*")


for style, parse in PARSE.items():
    doctor = Doctor(INI.replace("FORMAT", style), name=style,
                    program=harmed_program())

    def lines():
        return [parse(line) for line in doctor.log().splitlines()]

    def texts():
        return [line["text"] for line in lines() if line.get("text")]

    doctor.wait_metric("kubenurse_worker_up.*", 2)
    doctor.wait_checks(["one"])
    first = doctor.worker("extra")
    own = {kind: os.readlink(f"/proc/{doctor.worker(kind)}/fd/2")
           for kind in ("extra", "me_ingress", "nursery")}
    ok(len(set(own.values())) == 3 and
       all(name.startswith("pipe:") for name in own.values()),
       f"{style}: each process has a pipe of its own for its log", own)
    before = doctor.log()
    harm(first, "forge")
    wait_ok(lambda: doctor.said("forged well"), f"{style}: all is shown")
    ok(doctor.log().startswith(before), f"{style}: nothing is written over")
    equal({line.get("process") for line in lines()
           if "forged" in str(line)}, {"extra"},
          f"{style}: a forged line bears the name of its process")
    ok(all("level" in line and "msg" in line for line in lines()),
       f"{style}: and every line is a line of the log", doctor.log())
    harm(first, "chatter")
    wait_ok(lambda: [line for line in lines() if line.get("source") == "extra"
                     and "suppressed" in line["msg"]
                     and int(line["lines"]) > 1000],
            f"{style}: a flood of lines is said to be suppressed")
    ok(len([text for text in texts() if "chatter" in text]) <= MOST,
       f"{style}: and not shown", len(lines()))
    equal((doctor.worker("extra"), restarts(doctor)), (first, 0),
          f"{style}: who floods loses lines, and no more")
    harm(doctor.worker("me_ingress"), "abort")
    wait_ok(lambda: doctor.said("a worker died by a signal"),
            f"{style}: another one dies")
    found = [(line.get("process"), line.get("text") or line["msg"])
             for line in lines()]
    place = next((place for place, line in enumerate(found)
                  if line[1] == "a worker died by a signal"), 0)
    ok(("me_ingress", "last words") in found[:place],
       f"{style}: its last words are shown before its death is", found)
    doctor.halt()
done()
