# SPDX-License-Identifier: Apache-2.0
"""What the guards share. A guard is called as check_x [ROOT [BUILD]]; it prints one line and exits 0 or 1."""
import os
import re
import sys

FILES_SHOWN = 12


def arguments():
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(here))
    build = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else os.path.join(root, "build")
    return root, build


def read(root, name):
    with open(os.path.join(root, name), encoding="utf-8") as file:
        return file.read()


def sources(root, under="lib", endings=(".c", ".h")):
    """Paths relative to root, sorted; mod_iiif.c too where `under` is lib."""
    found = []
    for folder, _, names in os.walk(os.path.join(root, under)):
        found += [os.path.relpath(os.path.join(folder, n), root) for n in names if n.endswith(endings)]
    if under == "lib" and os.path.exists(os.path.join(root, "mod_iiif.c")):
        found.append("mod_iiif.c")
    return sorted(found)


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def without_comments(text):
    """C text with comments blanked; lines keep their numbers."""
    def blank(match):
        token = match.group(0)
        return re.sub(r"[^\n]", " ", token) if token.startswith("/") else token
    return TOKEN.sub(blank, text)


def without_strings(text):
    """As without_comments, with the insides of strings blanked too."""
    def blank(match):
        token = match.group(0)
        if token.startswith("/"):
            return re.sub(r"[^\n]", " ", token)
        return token[0] + re.sub(r"[^\n]", " ", token[1:-1]) + token[-1]
    return TOKEN.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def finish(what, count, problems):
    """The one line, and the exit status."""
    name = os.path.basename(sys.argv[0])
    if count == 0:
        problems = problems + ["nothing was found to look at"]
    if not problems:
        print("ok %s: %d %s" % (name, count, what))
        sys.exit(0)
    shown = "; ".join(problems[:FILES_SHOWN])
    more = "; and %d more" % (len(problems) - FILES_SHOWN) if len(problems) > FILES_SHOWN else ""
    print("FAILED %s: %s%s" % (name, shown, more))
    sys.exit(1)
