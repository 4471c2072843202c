# SPDX-License-Identifier: Apache-2.0
"""What mod_iiif's requests cost, goal by goal (make -f apxs.mk bench).

Environment:
    BUILD       where the module lies; masters and results go to BUILD/bench (masters are kept)
    FULL=yes    more requests per measure; masters of 10 megapixels and more lossless ones too
    BENCH_400=yes   masters of 400 megapixels too
    BENCH_ONLY="G1 G9"      only these goals
    PAGE=FILE   also put the table into this page (conf-examples/performance.md)
    OPENJPEG_SYMBOLS=DIR    a folder with a libopenjp2.so.7 of the installed version that has its symbols, for G3

Measures of processor time come in pairs, the other side first in turn, so that what else the machine does meets both.
It measures and reports; a goal that is not met is no failure. It exits with 1 only where something could not be measured at all.
"""
import os
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import decoding  # noqa: E402
import report  # noqa: E402
import servers  # noqa: E402
import serving  # noqa: E402

QUICK = ["rpcl-lossy", "rpcl-lossless", "lrcp-lossy", "t256-lossy", "t512-lossy", "t1024-lossy", "tiff", "jpeg", "jpeg-restart"]
MORE = ["lrcp-lossless", "t1024-lossless"]
LARGE = ["rpcl-lossy", "t512-lossy"]

STEPS = [("G1", decoding.fresh_tiles), ("G2", serving.screen), ("G3", decoding.instructions), ("G4", decoding.bytes_needed),
         ("G5", decoding.size_independence), ("G6", decoding.index), ("G7", decoding.working_set), ("G8", decoding.same_pixels),
         ("G9", serving.against_peer), ("G10", serving.small_answers), ("G11", serving.viewer)]


class Bench:
    def __init__(self):
        self.build = os.path.abspath(os.environ.get("BUILD") or "build")
        self.folder = os.path.join(self.build, "bench")
        self.masters = os.path.join(self.folder, "masters")
        self.full = bool(os.environ.get("FULL"))
        self.symbols = os.environ.get("OPENJPEG_SYMBOLS")
        self.tool = decoding.Tool(self.build, self.masters)
        self.directives = servers.directives()
        self.indexed = "IIIFIndexCache" in self.directives
        self.pixel_cache = "IIIFPixelCache" in self.directives
        self.names = self._names()
        self.rows, self.traces, self.sites = [], [], {}
        self.pixels, self.tile_ms, self.tile_bytes = [0, 0], {}, {}

    def _names(self):
        names = ["100-" + kind for kind in QUICK] + ["10-rpcl-lossy", "10-t256-lossy"]
        if self.full:
            names += ["100-" + kind for kind in MORE] + ["10-" + kind for kind in QUICK if "10-" + kind not in names]
        if os.environ.get("BENCH_400"):
            names += ["400-" + kind for kind in LARGE]
        return names

    def make_masters(self):
        subprocess.run(["sh", os.path.join(HERE, "masters.sh"), self.masters, *self.names], check=True)
        subprocess.run(["chmod", "-R", "a+rX", self.folder], check=True)

    def has(self, name):
        return name in self.names

    def jp2_names(self):
        return [name for name in self.names if "jpeg" not in name and "tiff" not in name]

    def count(self, quick):
        return quick * 4 if self.full else quick

    def site(self, caches, anew=False):
        """The servers, with caches or without; `anew` with nothing in them."""
        if anew and caches in self.sites:
            self.sites.pop(caches).stop()
        if caches not in self.sites:
            self.sites[caches] = servers.Site(self.masters, self.directives, caches)
        return self.sites[caches]

    def stop(self):
        for site in self.sites.values():
            site.stop()

    # --- results ---------------------------------------------------------------------------------------

    def add(self, goal_id, case, value, relation, goal, unit, note):
        met = value >= goal if relation == ">=" else value <= goal
        self._row(goal_id, case, value, relation, goal, unit, note, met)

    def skip(self, goal_id, case, relation, goal, why):
        self._row(goal_id, case, None, relation, goal, "", why, None)

    def _row(self, goal_id, case, value, relation, goal, unit, note, met):
        row = {"id": goal_id, "case": case, "value": value, "relation": relation, "goal": goal, "unit": unit, "met": met,
               "note": note}
        self.rows.append(row)
        print("%-4s %-58s %10s %s  %s%s" % (goal_id, case, report.number(value), unit, report.verdict(row).replace("*", ""),
                                           "  [%s]" % note if note else ""), flush=True)


def command():
    words = ["%s=%s" % (name, repr(os.environ[name]) if " " in os.environ[name] else os.environ[name])
             for name in ("FULL", "BENCH_400", "BENCH_ONLY") if os.environ.get(name)]
    if os.environ.get("OPENJPEG_SYMBOLS"):
        words.append("OPENJPEG_SYMBOLS=DIR")
    return " ".join(["make -f apxs.mk bench"] + words)


def main():
    only, failed = os.environ.get("BENCH_ONLY", "").split(), False
    bench = Bench()
    print("masters (%s):" % bench.masters, flush=True)
    bench.make_masters()
    head = report.head(command())
    started = time.monotonic()
    try:
        for name, step in STEPS:
            if only and name not in only:
                continue
            try:
                step(bench)
            except Exception:
                traceback.print_exc()
                bench.skip(name, "failed", ">=", 0, "see the output of the run")
                failed = True
    finally:
        bench.stop()
    head["seconds"] = round(time.monotonic() - started)
    report.write(bench.folder, bench.rows, bench.traces, head)
    if os.environ.get("PAGE"):
        report.write_page(os.environ["PAGE"], bench.rows, head)
    met = sum(row["met"] is True for row in bench.rows)
    measured = sum(row["met"] is not None for row in bench.rows)
    print("%d of %d goals met, %d not measured, in %d s: %s" % (met, measured, len(bench.rows) - measured, head["seconds"],
                                                              os.path.join(bench.folder, "bench.md")))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
