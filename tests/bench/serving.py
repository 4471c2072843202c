# SPDX-License-Identifier: Apache-2.0
"""Goals about the whole server: httpd with mod_iiif, beside iipimage-server behind the same httpd."""
import os
import re
import subprocess

import decoding
import servers
import trace


def parameters(name, reduce, x, y, side):
    window = decoding.clip(name, reduce, x, y, side)
    return "%d,%d,%d,%d/%d,%d/0/default.jpg" % (*window[1:], -(-window[3] >> reduce), -(-window[4] >> reduce))


def tiles(name, reduce, side, count):
    return [parameters(name, *window[:3], side) for window in
            decoding.windows(name, reduce, count, side)]


def pair(site, name, requests):
    """Sums of seconds, and largest bytes read, of ours and of the peer; each first in turn."""
    seconds, read = {"ours": 0, "peer": 0}, {"ours": 0, "peer": 0}
    for number, request in enumerate(requests):
        bodies = {}
        for who in (("ours", "peer"), ("peer", "ours"))[number & 1]:
            cpu, got, bodies[who] = site.cost(who, site.path(who, decoding.master(name), request))
            seconds[who] += cpu
            read[who] = max(read[who], got)
        facts = {who: servers.jpeg_facts(body) for who, body in bodies.items()}
        if facts["ours"] != facts["peer"]:
            raise RuntimeError("%s/%s: not the same kind of JPEG: %s" % (name, request, facts))
    return seconds, read


def against_peer(bench):
    """G9."""
    site = bench.site(caches=False)
    if site.peer is None:
        bench.skip("G9", "all", "<=", 1, "no iipimage-server")
        return
    cases = [(n + "-rpcl-lossy", r, 512, g) for n, goals in (("100", (0.6, 0.8, 0.8, 0.8)), ("400", (0.4, 0.55, 0.55, 0.55)))
             for r, g in zip((0, 2, 3, 4), goals)]
    cases += [("100-lrcp-lossy", 0, 512, 0.65)]
    cases += [("100-t%d-lossy" % side, r, 512, 0.85) for side in (256, 512, 1024) for r in (0, 2)]
    cases += [("100-tiff", 0, 512, 0.6), ("100-tiff", 0, 256, 0.3), ("100-tiff", 2, 256, 0.3)]
    largest, first = {}, "100-rpcl-lossy"
    for who in ("ours", "peer"):
        site.warm([site.path(who, decoding.master(first), request) for request in tiles(first, 0, 512, 4)])
    for name, reduce, side, goal in cases:
        label = "%s, %d tiles at 1:%d" % (name, side, 1 << reduce)
        if not bench.has(name):
            bench.skip("G9", label, "<=", goal, "no such master")
            continue
        requests = tiles(name, reduce, side, bench.count(40 if "tiff" in name else 6))
        # Opened once by both, as in a server that runs.
        pair(site, name, requests[:1])
        seconds, read = pair(site, name, requests)
        largest[name] = max(largest.get(name, (0, 0)), (read["ours"], read["peer"]))
        bench.add("G9", label, seconds["ours"] / seconds["peer"], "<=", goal, "of the peer",
                  "%.1f ms against %.1f" % tuple(seconds[who] * 1e3 / len(requests) for who in ("ours", "peer")))
    for name, goal in (("100-rpcl-lossy", 0.55), ("400-rpcl-lossy", 0.35)):
        if not bench.has(name):
            bench.skip("G9", name + ", !300,300", "<=", goal, "no such master")
            continue
        seconds, _ = pair(site, name, ["full/!300,300/0/default.jpg"] * bench.count(4))
        bench.add("G9", name + ", !300,300", seconds["ours"] / seconds["peer"], "<=", goal, "of the peer",
                  "%.1f ms against %.1f" % tuple(seconds[who] * 1e3 / bench.count(4) for who in ("ours", "peer")))
    for name, (ours, peer) in largest.items():
        bench.add("G9", name + ", bytes read for a tile", ours / 1e6, "<=", 1, "MB", "the peer: %.2f MB" % (peer / 1e6))
    resident(bench, site)


def resident(bench, site):
    """Peak of the child, from here on, with tiles of the largest master."""
    name = "400-rpcl-lossy"
    if not bench.has(name):
        name = "100-rpcl-lossy"
        bench.skip("G9", "resident memory of a worker, tiles of 400 MP", "<=", 64, "no such master")
    workers = site.pids("ours")
    for pid in workers:
        servers.forget_peak(pid)
    before = max(servers.peak_kb(pid) for pid in workers)
    for request in tiles(name, 0, 512, 2) + tiles(name, 3, 512, 1):
        site.get(site.path("ours", decoding.master(name), request))
    peak = max(servers.peak_kb(pid) for pid in workers)
    bench.add("G9", "resident memory of a worker, tiles of %s MP" % name.split("-")[0], peak / 1024, "<=", 64, "MiB",
              "%.0f MiB before" % (before / 1024))


def screen(bench):
    """G2: 16 tiles of one screen through the server, its cache on and empty of them; the plain library's time for the same 16."""
    for name, goal in (("100-rpcl-lossy", 6), ("400-rpcl-lossy", 15)):
        if not bench.has(name):
            bench.skip("G2", name, ">=", goal, "no such master")
            continue
        site, plain, ours = bench.site(caches=True), 0, 0
        # Elsewhere than the tiles of other measures, which a cache may hold.
        for number in range(bench.count(2)):
            left, top = 1024 * (2 + number), 1024 * 5
            wanted = [decoding.clip(name, 0, left + 256 * (i % 4), top + 256 * (i // 4)) for i in range(16)]
            groups = [[site.path("ours", decoding.master(name), parameters(name, *w[:3], 256)) for w in wanted]]
            before = site.cpu("ours")
            client, = trace.run(site.env.port, groups, connections=6)
            ours += site.cpu("ours") - before
            if client.bad:
                raise RuntimeError("%s: %s" % (name, client.bad))
            answers, _ = bench.tool.run("plain", name, wanted)
            plain += sum(a[0] for a in answers["plain"]) / 1e6
        count = 16 * bench.count(2)
        bench.add("G2", name, plain / ours, ">=", goal, "×", "%.1f ms a tile (with JPEG and HTTP) against %.1f (decoding alone)%s"
                  % (ours * 1e3 / count, plain * 1e3 / count, "" if bench.pixel_cache else "; this build has no pixel cache"))


# --- small answers -------------------------------------------------------------------------------------------

def ab(bench, site, path, header=None):
    """Processor seconds of httpd for one request, by ab over kept connections."""
    count = 20000 if bench.full else 3000
    before = site.cpu("ours")
    done = subprocess.run(["ab", "-q", "-k", "-c", "8", "-n", str(count), *(["-H", header] if header else []),
                           "http://127.0.0.1:%d%s" % (site.env.port, path)], capture_output=True, text=True, check=True)
    failed = re.search(r"^Failed requests:\s+(\d+)", done.stdout, re.M)
    if failed and int(failed.group(1)):
        raise RuntimeError("%s: %s of %d requests failed" % (path, failed.group(1), count))
    return (site.cpu("ours") - before) / count


def small_answers(bench):
    """G10. Rates as requests that one processor could answer: what else the machine does, and ab itself, take no part in it."""
    name = "100-rpcl-lossy" if bench.has("100-rpcl-lossy") else bench.names[0]
    site, file = bench.site(caches=False), decoding.master(name)
    info = site.path("ours", file, "info.json")
    tile = site.path("ours", file, parameters(name, 3, 0, 0, 256))
    status, headers, body = site.get(info)
    tags = {path: {k.lower(): v for k, v in site.get(path)[1].items()}["etag"] for path in (info, tile)}
    static = os.path.join(site.masters, "static.json")
    with open(static, "wb") as out:
        out.write(body)
    os.chmod(static, 0o644)
    cases = {"static": ("/static/static.json", None), "info.json": (info, None),
             "304 of info.json": (info, "If-None-Match: " + tags[info]), "304 of a tile": (tile, "If-None-Match: " + tags[tile])}
    cost = {case: [] for case in cases}
    for _ in range(5):
        for case, (path, header) in cases.items():
            cost[case].append(ab(bench, site, path, header))
    os.unlink(static)
    cost = {case: sorted(values)[2] for case, values in cost.items()}
    for case in list(cases)[1:]:
        bench.add("G10", case, 100 * cost["static"] / cost[case], ">=", 60, "% of a static file",
                  "%.0f µs against %.0f for %d bytes" % (cost[case] * 1e6, cost["static"] * 1e6, len(body)))


# --- a viewer --------------------------------------------------------------------------------------------------

def viewer(bench):
    """G11."""
    cases = [("100-tiff", False, 1.6), ("100-rpcl-lossy", False, 1.4), ("400-rpcl-lossy", False, 2.0),
             ("100-rpcl-lossy", True, 4), ("400-rpcl-lossy", True, 8)]
    for name, caches, goal in cases:
        label = "%s, caches %s" % (name, "of 256 MB" if caches else "off")
        if not bench.has(name):
            bench.skip("G11", label, ">=", goal, "no such master")
            continue
        site = bench.site(caches, anew=caches)
        if site.peer is None:
            bench.skip("G11", label, ">=", goal, "no iipimage-server")
            continue
        width, height = decoding.size_of(name)
        wanted = trace.screens(width, height, 500)
        sides = [[[site.path(who, decoding.master(name), trace.parameters(width, height, tile)) for tile in screen]
                  for screen in wanted] for who in ("ours", "peer")]
        found = {}
        for who, client in zip(("ours", "peer"), trace.run(site.env.port, *sides)):
            times = sorted(client.times)
            if client.bad and who == "ours":
                raise RuntimeError("%s: %d of 500 requests failed: %s" % (label, len(client.bad), client.bad[:3]))
            found[who] = {"rate": 500 / client.seconds, "median": times[250] * 1e3, "p99": times[494] * 1e3,
                          "failed": len(client.bad)}
        ours, peer = found["ours"], found["peer"]
        bench.traces.append({"case": label, **found})
        bench.add("G11", label + ", requests per second", ours["rate"] / peer["rate"], ">=", goal, "× the peer",
                  "%.1f/s against %.1f/s%s" % (ours["rate"], peer["rate"],
                                               "; %d of the peer's failed" % peer["failed"] if peer["failed"] else ""))
        bench.add("G11", label + ", p99 : median", ours["p99"] / ours["median"], "<=", 4, "×",
                  "%.0f : %.0f ms; the peer %.0f : %.0f" % (ours["p99"], ours["median"], peer["p99"], peer["median"]))
