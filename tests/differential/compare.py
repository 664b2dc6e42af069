# SPDX-License-Identifier: Apache-2.0
"""What two programs show, made comparable: per check, not per second.  A
difference is one line of text; the file `allowed` says which may be.
"""
import collections
import json
import re

KEPT = ("kubenurse_httpclient_requests_total", "kubenurse_errors_total",
        "kubenurse_httpclient_request_duration_seconds",
        "kubenurse_httpclient_trace_request_duration_seconds")
SUFFIX = re.compile("_(bucket|sum|count)$")


def family(name):
    short = SUFFIX.sub("", name)
    return short if short in KEPT or "_seconds" in short else name


def read(text):
    """families, {series: value} without buckets, {family: bounds},
    metadata lines."""
    families, series, metadata = set(), {}, []
    bounds = collections.defaultdict(set)
    for line in text.splitlines():
        if line.startswith("#"):
            metadata.append(line)
            continue
        key, _, value = line.rpartition(" ")
        name, _, labels = key.partition("{")
        families.add(family(name))
        if name.endswith("_bucket"):
            found = re.search(r'(le|vmrange)="([^"]*)"', labels)
            # which vmrange there is depends on how long something took
            bounds[family(name)].add(found[2] if found[1] == "le"
                                     else "vmrange")
        elif not name.endswith("_sum"):
            series[key] = float(value)
    return families, series, bounds, metadata


def checks_by_type(series):
    """Hops that ended; what is seen per check is compared per hop."""
    hops = collections.Counter()
    for key, value in series.items():
        found = re.match(KEPT[0] + r'\{type="([^"]*)"', key)
        if found:
            hops[found[1]] += value
    return hops


def per_hop(series):
    """{series: how often in a hop}, to the half: checks that are under way
    while we look count partly, and never that much."""
    hops = checks_by_type(series)
    rates = {}
    for key, value in series.items():
        found = re.match(r'(\w+?)(?:_count)?\{type="([^"]*)"', key)
        if not found or found[1] not in KEPT or not hops[found[2]]:
            continue
        rates[key] = round(2 * value / hops[found[2]]) / 2
    return {key: rate for key, rate in rates.items() if rate}


def lists(what, go, ours):
    """A line for each key whose values differ."""
    for key in sorted(set(go) | set(ours)):
        if go.get(key) != ours.get(key):
            yield f"{what} {key}: go={go.get(key, '-')} ours={ours.get(key, '-')}"


def metrics(go_text, our_text):
    go, ours = read(go_text), read(our_text)
    yield from lists("family", dict.fromkeys(go[0], "yes"),
                     dict.fromkeys(ours[0], "yes"))
    yield from lists("series", per_hop(go[1]), per_hop(ours[1]))
    name = "kubenurse_neighbourhood_incoming_checks"
    yield from lists("gauge", {name: go[1].get(name)},
                     {name: ours[1].get(name)})
    for kept in KEPT[2:]:
        yield from lists("bounds", {kept: sorted(go[2][kept])},
                         {kept: sorted(ours[2][kept])})
    types = [[line for line in side[3] if line.startswith("# TYPE") and
              line.split()[2] in KEPT] for side in (go, ours)]
    yield from lists("metadata", dict.fromkeys(types[0], "yes"),
                     dict.fromkeys(types[1], "yes"))
    for who, text in (("go", go_text), ("ours", our_text)):
        keys = [SUFFIX.sub("", line.partition("{")[0]) + "{" +
                re.sub(r',?(le|vmrange)="[^"]*"', "",
                       line.rpartition(" ")[0].partition("{")[2])
                for line in text.splitlines() if line[:1] not in ("#", "")
                and line.startswith("kubenurse_httpclient")]
        distinct = list(dict.fromkeys(keys))
        yield from lists("order", {}, {} if distinct == sorted(distinct)
                         else {f"{who}: the series are not sorted": "yes"})


def shape(value):
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def alive(go_text, our_text):
    go, ours = json.loads(go_text), json.loads(our_text)
    for key in [key for key in ours if key not in go]:
        del ours[key]
        yield f"alive {key}: go=- ours=yes"
    yield from lists("alive", {"keys": list(go)}, {"keys": list(ours)})
    results = [one.pop("last_check_result") for one in (go, ours)]
    yield from lists("alive", shape(go), shape(ours))
    yield from lists("alive", {"result keys": list(results[0])},
                     {"result keys": list(results[1])})
    neighbours = [sorted(one.pop("neighbourhood", []),
                         key=lambda each: each["PodIP"]) for one in results]
    for number, pair in enumerate(zip(*neighbours)):
        yield from lists(f"neighbour {number}", *pair)
    yield from lists("neighbours", {"number": len(neighbours[0])},
                     {"number": len(neighbours[1])})
    yield from lists("result", *results)
    # what stands in front of the keys, and the last byte
    for name, text in (("go", go_text), ("ours", our_text)):
        if not text.startswith('{\n "hostname": "') or text[-3:] != "\n}\n":
            yield f"alive layout: {name}"


class Allowed:
    """Lines `PROFILE | CLAUSE | ERE of a whole difference | reason`; after a
    clause a `?`: it is seen on some days."""

    def __init__(self, path):
        self.rules = []
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip() and not line.startswith("#"):
                    profile, clause, ere, reason = (
                        part.strip() for part in line.split(" | "))
                    assert re.match("[KFN-] [1-6]\\??$", clause) and reason
                    self.rules.append([profile, re.compile(ere), number, clause[3:]])

    def refuse(self, profile, differences):
        """Those that no rule allows."""
        left = []
        for difference in differences:
            for rule in self.rules:
                if re.fullmatch(rule[0], profile) and \
                        rule[1].fullmatch(difference):
                    rule[3] = "used"
                    break
            else:
                left.append(difference)
        return left

    def unused(self):
        return [rule[2] for rule in self.rules if not rule[3]]
