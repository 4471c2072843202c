# SPDX-License-Identifier: Apache-2.0
"""Goals about decoding alone, without httpd: build/bench/decode, the plain library and ours in pairs."""
import ctypes
import mmap
import os
import random
import re
import subprocess

SIZES = {10: (3650, 2740), 100: (11600, 8620), 400: (20480, 19600)}


def master(name):
    """File name of a master."""
    kind = name.split("-", 1)[1]
    return name + (".tif" if kind == "tiff" else ".jpg" if kind.startswith("jpeg") else ".jp2")


def size_of(name):
    return SIZES[int(name.split("-")[0])]


def clip(name, reduce, x, y, side=256):
    """A window (reduction, x, y, w, h) of `side` pixels after reduction, in pixels of the full image."""
    width, height = size_of(name)
    return reduce, x, y, min(side << reduce, width - x), min(side << reduce, height - y)


def windows(name, reduce, count, side=256, seed=7):
    """Tiles on the grid that a viewer uses, at random places; none cut off by an edge where one that is whole fits."""
    chance, (width, height), step = random.Random(seed), size_of(name), side << reduce
    columns, rows = max(1, width // step), max(1, height // step)
    return [clip(name, reduce, chance.randrange(columns) * step, chance.randrange(rows) * step, side) for _ in range(count)]


class Tool:
    def __init__(self, build, masters):
        self.program, self.masters = os.path.join(build, "bench", "decode"), masters
        self.build = build

    def path(self, name):
        return os.path.join(self.masters, master(name))

    def run(self, engine, name, wanted, wrap=(), env=None):
        """{engine: [(µs, bytes, hash)]} and the peak in KB."""
        done = subprocess.run([*wrap, self.program, engine, self.path(name)], text=True, capture_output=True, check=True,
                              input="".join("%d %d %d %d %d\n" % window for window in wanted),
                              env=dict(os.environ, **(env or {})))
        answers, peak = {}, 0
        for line in done.stdout.splitlines():
            fields = line.split()
            if fields[0] == "peak":
                peak = int(fields[1])
            else:
                answers.setdefault(fields[0], []).append((float(fields[2]), int(fields[3]), fields[4]))
        return answers, peak


# --- instructions -----------------------------------------------------------------------------------------

# Names of libopenjp2 2.5; "t1" holds both kinds of code-blocks.
TIER1 = re.compile(r"opj_(t1|mqc|raw|ht)_|^(frwd_|rev_|mel_|decode_vlc|vlc_|advance_fetch|init_fetch)")
# The sparse array is what the wavelet of an area reads from and writes to.
WAVELET = re.compile(r"opj_(dwt|idwt\d*|v4dwt|v8dwt|sparse_array)")


def callgrind(tool, name, wanted, library):
    """Instructions by (object, function) of one process that decodes `wanted` by ours. `library`: a folder with a libopenjp2
    of the same version that has its symbols, or None."""
    out = os.path.join(tool.build, "bench", "callgrind.out")
    env = {"LD_BIND_NOW": "1", **({"LD_LIBRARY_PATH": library} if library else {})}
    tool.run("ours", name, wanted, ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out, "-q"], env)
    costs, names, objects = {}, {}, {}
    obj = fn = None
    skip = False
    with open(out, errors="replace") as file:
        for line in file:
            found = re.match(r"(c?)(ob|fn)=\((\d+)\)(?: (.*))?", line)
            if found:
                table = objects if found.group(2) == "ob" else names
                if found.group(4):
                    table[found.group(3)] = found.group(4)
                if found.group(1) == "":
                    value = table.get(found.group(3), "?")
                    if found.group(2) == "ob":
                        obj = value
                    else:
                        fn = value
            elif line.startswith("calls="):
                skip = True
            elif line[0].isdigit() or line[0] in "+-*":
                if not skip:
                    key = (os.path.basename(obj or "?"), fn)
                    costs[key] = costs.get(key, 0) + int(line.split()[1])
                skip = False
    os.unlink(out)
    return costs


def outside_share(costs):
    """(share outside Tier-1 and inverse wavelet, whether the library had symbols)."""
    total = sum(costs.values())
    library = {fn: n for (obj, fn), n in costs.items() if obj.startswith("libopenjp2")}
    inside = sum(n for fn, n in library.items() if TIER1.search(fn) or WAVELET.search(fn))
    if inside > 0:
        return 1 - inside / total, True
    return 1 - sum(library.values()) / total, False


# --- page cache -----------------------------------------------------------------------------------------------

def forget_pages(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def pages_touched(path):
    """Bytes of the file that are in the page cache."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, "rb") as file:
        length = os.fstat(file.fileno()).st_size
        view = mmap.mmap(file.fileno(), length, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
        pages = (length + mmap.PAGESIZE - 1) // mmap.PAGESIZE
        vector = (ctypes.c_ubyte * pages)()
        address = ctypes.addressof(ctypes.c_char.from_buffer(view))
        if libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(length), vector) != 0:
            raise OSError(ctypes.get_errno(), "mincore")
        return sum(byte & 1 for byte in vector) * mmap.PAGESIZE


def tile_parts(path):
    """[(offset, length)] of the tile-parts of a JP2 by tile, where each tile has one; from the SOT markers."""
    with open(path, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        at, out = data.find(b"\xff\x4f\xff\x51"), {}
        at += 2
        while data[at:at + 2] != b"\xff\x90":
            at += 2 + int.from_bytes(data[at + 2:at + 4], "big")
        while data[at:at + 2] == b"\xff\x90":
            tile, length = int.from_bytes(data[at + 4:at + 6], "big"), int.from_bytes(data[at + 6:at + 10], "big")
            out.setdefault(tile, []).append((at, length))
            at += length
        return out


# --- the goals --------------------------------------------------------------------------------------------------

def mean(values):
    values = list(values)
    return sum(values) / len(values)


def fresh_tiles(bench):
    """G1, and on the way what G5 and G8 want to know."""
    for name in bench.jp2_names():
        megapixels = int(name.split("-")[0])
        tiled = re.search(r"-t(\d+)-", name)
        deep = 6 if megapixels == 400 else 5
        for reduce in (0, 2, deep):
            answers, _ = bench.tool.run("both", name, windows(name, reduce, bench.count(6)))
            plain, ours = (mean(a[0] for a in answers[engine]) for engine in ("plain", "ours"))
            same = sum(a[2] == b[2] for a, b in zip(answers["plain"], answers["ours"]))
            bench.pixels[0] += same
            bench.pixels[1] += len(answers["ours"])
            goal = 0.95
            if reduce >= 5 and megapixels >= 100:
                goal = 3.5
            elif reduce == 0 and megapixels == 100:
                goal = 3 if tiled and tiled.group(1) == "256" else 0.95 if tiled else 2
            elif reduce == 0 and megapixels == 400 and not tiled:
                goal = 4.5
            bench.add("G1", "%s at 1:%d" % (name, 1 << reduce), plain / ours, ">=", goal, "×",
                      "%.1f ms against %.1f" % (ours / 1e3, plain / 1e3))
            bench.tile_ms[name, reduce] = ours / 1e3
            bench.tile_bytes[name, reduce] = max(a[1] for a in answers["ours"])


def instructions(bench):
    """G3."""
    for name, reduce, goal in (("100-rpcl-lossy", 0, 10), ("100-rpcl-lossless", 0, 10), ("100-t256-lossy", 3, 25)):
        if not bench.has(name):
            continue
        try:
            costs = callgrind(bench.tool, name, windows(name, reduce, 1), bench.symbols)
            idle = callgrind(bench.tool, name, [], bench.symbols)
        except (OSError, subprocess.CalledProcessError) as error:
            bench.skip("G3", "%s at 1:%d" % (name, 1 << reduce), "<=", goal, "valgrind: %s" % error)
            continue
        # Without the start of the process, and without the tool's own hash.
        costs = {key: n - idle.get(key, 0) for key, n in costs.items()
                 if n > idle.get(key, 0) and not re.match(r"(ours_run|hash_bytes|measure)", key[1])}
        share, known = outside_share(costs)
        text = "%.1f million instructions" % (sum(costs.values()) / 1e6)
        if known:
            bench.add("G3", "%s at 1:%d" % (name, 1 << reduce), share * 100, "<=", goal, "%", text)
        else:
            bench.skip("G3", "%s at 1:%d" % (name, 1 << reduce), "<=", goal,
                       "%s; %.1f %% outside of the library; inside it cannot be told without symbols (OPENJPEG_SYMBOLS)"
                       % (text, share * 100))


def bytes_needed(bench):
    """G4. What is needed is known from outside only where a window is one tile of the codestream: its tile-part without marker segments."""
    name = "100-t256-lossy"
    if bench.has(name):
        parts = tile_parts(bench.tool.path(name))
        across = -(-size_of(name)[0] // 256)
        ratios, pages = [], []
        for window in windows(name, 0, bench.count(6)):
            needed = sum(length - 14 for _, length in parts[window[2] // 256 * across + window[1] // 256])
            forget_pages(bench.tool.path(name))
            before = pages_touched(bench.tool.path(name))
            answers, _ = bench.tool.run("ours", name, [window])
            ratios.append(answers["ours"][0][1] / needed)
            pages.append((pages_touched(bench.tool.path(name)) - before - (64 << 10)) / needed)
        bench.add("G4", "%s, bytes asked for" % name, mean(ratios), "<=", 1.05, "× needed", "all headers included")
        bench.add("G4", "%s, pages beyond 64 KiB" % name, mean(pages), "<=", 2.5, "× needed", "file not in the page cache before")
    for name, factor in (("100-rpcl-lossy", 2.5), ("100-lrcp-lossy", 6)):
        if not bench.has(name):
            continue
        # From outside there is only a bound: code-blocks that reach beyond the tile, and the richer ones of low resolutions, make up
        # less than 16 times the tile's share of the file.
        window = windows(name, 0, 1)[0]
        share = os.path.getsize(bench.tool.path(name)) * 65536 / (size_of(name)[0] * size_of(name)[1])
        forget_pages(bench.tool.path(name))
        answers, _ = bench.tool.run("ours", name, [window])
        got, pages = answers["ours"][0][1], pages_touched(bench.tool.path(name))
        for what, n, goal in (("bytes asked for", got, 1.05), ("pages beyond 64 KiB", pages - (64 << 10), factor)):
            label, note = "%s, %s" % (name, what), "%.0f KB" % (n / 1e3)
            if n / (share * 16) > goal:
                bench.add("G4", label, n / (share * 16), "<=", goal, "× needed, at least", note)
            else:
                bench.skip("G4", label, "<=", goal, note + "; how much is needed cannot be told from outside")


def size_independence(bench):
    """G5: 400 megapixels against 100."""
    for kind in ("rpcl-lossy", "t512-lossy"):
        big, small = "400-" + kind, "100-" + kind
        if not bench.has(big):
            bench.skip("G5", "%s, time, bytes and memory of a tile, 400 MP : 100 MP" % kind, "<=", 1.2,
                       "no master of 400 MP (BENCH_400=yes)")
            continue
        if (big, 0) not in bench.tile_ms or (small, 0) not in bench.tile_ms:
            fresh_tiles(bench)
        peaks = [bench.tool.run("ours", name, windows(name, 0, 1))[1] for name in (big, small)]
        for what, ratio in (("time", bench.tile_ms[big, 0] / bench.tile_ms[small, 0]),
                            ("bytes", bench.tile_bytes[big, 0] / bench.tile_bytes[small, 0]),
                            ("memory", peaks[0] / peaks[1])):
            bench.add("G5", "%s, %s of a tile, 400 MP : 100 MP" % (kind, what), ratio, "<=", 1.2, "×", "")


def index(bench):
    """G6: what opening a master costs, which includes its index as far as there is one."""
    for name, milliseconds, kilobytes in (("100-rpcl-lossy", 1, 100), ("100-t256-lossy", 1, 100), ("100-lrcp-lossy", 100, None)):
        if not bench.has(name):
            continue
        answers, _ = bench.tool.run("open", name, [(0, 0, 0, 1, 1)] * 9)
        cost = sorted(a[0] for a in answers["open"])[4] / 1e3
        note = "" if bench.indexed else "opening alone: this build has no index"
        if bench.indexed:
            bench.add("G6", "%s, time" % name, cost, "<=", milliseconds, "ms", note)
            if kilobytes:
                bench.add("G6", "%s, read" % name, answers["open"][0][1] / 1e3, "<=", kilobytes, "KB", note)
        else:
            bench.skip("G6", "%s, index" % name, "<=", milliseconds, "%s (%.2f ms, %.1f KB)" % (note, cost, answers["open"][0][1] / 1e3))


def working_set(bench):
    """G7: peak of a process that decodes, less one that only opens."""
    worst = {}
    for name in bench.jp2_names():
        _, idle = bench.tool.run("open", name, [(0, 0, 0, 1, 1)])
        for reduce in (0, 3, 5):
            _, peak = bench.tool.run("ours", name, windows(name, reduce, 1))
            worst[name] = max(worst.get(name, 0), peak - idle)
    for name, kb in worst.items():
        bench.add("G7", name, kb / 1024, "<=", 48, "MiB", "largest of tiles at 1:1, 1:8, 1:32")


def same_pixels(bench):
    """G8 belongs to the test suite; here every window that was timed."""
    same, total = bench.pixels
    if total:
        bench.add("G8", "windows of G1 equal to the plain library's", 100 * same / total, ">=", 100, "%",
                  "%d of %d; the wide comparison is in the test suite" % (same, total))
