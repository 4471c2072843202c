# SPDX-License-Identifier: Apache-2.0
"""The benchmark's table as Markdown and JSON, and plots as SVG."""
import datetime
import html
import json
import math
import os
import platform
import subprocess

MEANING = {
    "G1": "processor time of one 256-pixel tile, plain libopenjp2 : ours",
    "G2": "mean processor time of a tile over a screen of 16, plain libopenjp2 : ours",
    "G3": "instructions outside of Tier-1 and the inverse wavelet",
    "G4": "bytes read for a tile",
    "G5": "400 megapixels : 100 megapixels",
    "G6": "the index of a master of 100 megapixels",
    "G7": "memory of one decode",
    "G8": "equality of pixels",
    "G9": "processor time of a request, ours : iipimage-server, same httpd, same JPEG quality (90, 4:2:0), caches off",
    "G10": "small answers, beside a static file of the same httpd",
    "G11": "500 tiles as a viewer asks for them, 16 connections",
}


def said(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / (1 << 20)
    return "%s, %d processors, %.0f GiB, Linux %s" % (model, os.cpu_count() or 1, memory, platform.release())


def versions():
    out = {}
    for package in ("apache2-bin", "libopenjp2-7", "libjpeg62-turbo", "libtiff6", "iipimage-server"):
        version = said("dpkg-query", "-W", "-f", "${Version}", package)
        if version:
            out[package] = version
    return out


def number(value):
    if value is None:
        return "–"
    if value == 0:
        return "0"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return "%.*f" % (max(digits, 0), value)


def verdict(row):
    if row["met"] is None:
        return "not measured"
    if row["met"]:
        return "met"
    return "**not met** (%.4g of %g)" % (row["value"], row["goal"])


def markdown(rows, head):
    lines = ["Date: %s  " % head["date"], "Machine: %s  " % head["machine"], "Load before: %s  " % head["load"],
             "Versions: %s  " % ", ".join("%s %s" % item for item in head["versions"].items()),
             "Source: %s  " % head["source"], "Command: `%s`  " % head["command"],
             "Goals met: %d of %d measured; %d not measured" % (sum(row["met"] is True for row in rows),
                                                                sum(row["met"] is not None for row in rows),
                                                                sum(row["met"] is None for row in rows))]
    for goal in sorted({row["id"] for row in rows}, key=lambda name: int(name[1:])):
        lines += ["", "### %s: %s" % (goal, MEANING[goal]), "", "| case | measured | goal | | figures |", "|---|---|---|---|---|"]
        for row in rows:
            if row["id"] == goal:
                lines.append("| %s | %s %s | %s %s | %s | %s |" % (
                    row["case"], number(row["value"]), row["unit"] if row["value"] is not None else "",
                    "≥" if row["relation"] == ">=" else "≤", number(row["goal"]), verdict(row), row["note"]))
    return "\n".join(lines) + "\n"


# --- plots -----------------------------------------------------------------------------------------------------------

MET, MISSED, INK = "#2f7d4f", "#b5482f", "#222222"


def scale_of(rows, width):
    """Logarithmic, since goals lie between a third and fifteen."""
    values = [v for row in rows for v in (row["value"], row["goal"]) if v and v > 0]
    low, high = math.log10(min(values)) - 0.15, math.log10(max(values)) + 0.15
    return lambda value: width * (math.log10(max(value, 10 ** low)) - low) / (high - low)


def bars(title, rows):
    """Horizontal bars, a mark where the goal is."""
    rows = [row for row in rows if row["value"] is not None]
    if not rows:
        return None
    label_width, plot_width, line = 400, 420, 24
    height, place = 50 + line * len(rows) + 22, scale_of(rows, plot_width)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" '
           'font-size="12" fill="%s">' % (label_width + plot_width + 90, height, label_width + plot_width + 90, height, INK),
           '<rect width="100%" height="100%" fill="#ffffff"/>',
           '<text x="10" y="24" font-size="14" font-weight="bold">%s</text>' % html.escape(title)]
    for i, row in enumerate(rows):
        y, right = 44 + line * i, label_width + place(row["value"])
        out.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (label_width - 8, y + 13, html.escape(row["case"])))
        out.append('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>' %
                   (label_width, y, max(1, right - label_width), line - 8, MET if row["met"] else MISSED))
        goal = label_width + place(row["goal"])
        out.append('<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s" stroke-width="2"/>' % (goal, goal, y - 3, y + line - 5, INK))
        out.append('<text x="%.1f" y="%d">%s (%s %s)</text>' % (max(right, goal) + 6, y + 13, number(row["value"]),
                                                              "≥" if row["relation"] == ">=" else "≤", number(row["goal"])))
    out.append('<text x="%d" y="%d" font-size="11">Logarithmic. Black mark: the goal. Green: met; red: not met.</text>' %
               (label_width, height - 8))
    return "\n".join(out + ["</svg>"]) + "\n"


def write(folder, rows, traces, head):
    with open(os.path.join(folder, "bench.md"), "w") as file:
        file.write(markdown(rows, head))
    with open(os.path.join(folder, "bench.json"), "w") as file:
        json.dump({**head, "rows": rows, "traces": traces}, file, indent=1, ensure_ascii=False)
        file.write("\n")
    for goal in {row["id"] for row in rows}:
        units = sorted({row["unit"] for row in rows if row["id"] == goal and row["value"] is not None})
        for i, unit in enumerate(units):
            chart = bars("%s: %s [%s]" % (goal, MEANING[goal], unit),
                         [row for row in rows if row["id"] == goal and row["unit"] == unit])
            with open(os.path.join(folder, "%s%s.svg" % (goal.lower(), "" if i == 0 else "-%d" % (i + 1))), "w") as file:
                file.write(chart)


MARK = "<!-- figures -->\n"


def write_page(path, rows, head):
    """Puts the table into a page, in place of what follows the mark."""
    with open(path) as file:
        before, mark, _ = file.read().partition(MARK)
    if not mark:
        raise ValueError("%s has no line %s" % (path, MARK.strip()))
    with open(path, "w") as file:
        file.write(before + MARK + "\n" + markdown(rows, head))


def head(command):
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), "machine": machine(),
            "load": "%.1f" % os.getloadavg()[0], "versions": versions(), "command": command,
            "source": said("git", "describe", "--always", "--dirty") or "not from git"}
