# SPDX-License-Identifier: Apache-2.0
"""What may lie in a folder of masters or come in a URI, and must cost nobody but the one who asks."""
import os
import time

import pytest

# That a master is broken is logged as an error, with its file.
ALLOWED_ERRORS = [r"IIIF\d{4}: .*: identifier bad/[^ ]*, file [^ ]*/bad/", r"IIIF\d{4}: .*: identifier side/broken.jpg"]


@pytest.mark.parametrize("parameters, part", [
    ("x/max/0/default.jpg", "region"), ("1,2,3/max/0/default.jpg", "region"), ("0,0,0,1/max/0/default.jpg", "region"),
    ("600,0,1,1/max/0/default.jpg", "region"), ("-1,0,10,10/max/0/default.jpg", "region"),
    ("99999999999,0,1,1/max/0/default.jpg", "region"), ("pct:0,0,0,10/max/0/default.jpg", "region"),
    ("pct:1e1,0,10,10/max/0/default.jpg", "region"),
    ("full/full/0/default.jpg", "size"), ("full/0,/0/default.jpg", "size"), ("full/,/0/default.jpg", "size"),
    ("full/pct:0/0/default.jpg", "size"), ("full/^/0/default.jpg", "size"), ("full/1,2,3/0/default.jpg", "size"),
    ("full/601,/0/default.jpg", "size"), ("full/max/361/default.jpg", "rotation"), ("full/max/x/default.jpg", "rotation"),
    ("full/max/!/default.jpg", "rotation"), ("full/max/-90/default.jpg", "rotation"),
    ("full/max/0/native.jpg", "quality"), ("full/max/0/grey.jpg", "quality"), ("full/max/0/default.bmp", "format"),
    ("full/max/0/default.JPG", "format"), ("full/max/0/default.", "format"),
])
def test_malformed_parameters(site, parameters, part):
    response = site.get("/iiif/3/rgb.jpg/" + parameters)
    assert response.status == 400, response
    assert part in response.text


def test_malformed_and_unknown(site):
    assert site.get("/iiif/3/nothing/x/max/0/default.jpg").status in (400, 404)


def test_long_identifiers(site):
    assert site.get("/iiif/3/%s/info.json" % ("x" * 1024)).status == 404
    assert site.get("/iiif/3/%s/info.json" % ("x" * 1100)).status in (400, 404)
    assert site.get("/iiif/3/%s/info.json" % ("%2F".join(["x"] * 1000))).status in (400, 404)
    assert site.get("/iiif/3/%s/info.json" % ("x" * 7000)).status in (400, 404, 414)


BAD = [("empty.jpg", {500}), ("text.jpg", {500}), ("truncated.jpg", {500}), ("cut.png", {500}), ("folder.jpg", {404}),
       ("fifo.jpg", {404, 500}), ("passwd.jpg", {403, 404}), ("dangling.jpg", {404}), ("bomb.png", {500, 501}),
       ("siz.jp2", {500, 501})]


@pytest.mark.parametrize("name, statuses", BAD)
def test_bad_master(site, name, statuses):
    """A fitting status in time, a log line with identifier and file, no path in the body, the child alive."""
    children = set(site.children())
    mark = site.mark()
    for path in ("full/max/0/default.jpg", "full/20,/0/default.png", "0,0,10,10/max/0/default.jpg"):
        began = time.monotonic()
        response = site.get("/iiif/3/bad%%2F%s/%s" % (name, path))
        assert time.monotonic() - began < 10
        if name in ("truncated.jpg", "cut.png") and path.startswith("0,0"):
            assert response.status in (200, 500)   # the part that is there may be whole
        else:
            assert response.status in statuses, response
        if response.status != 200:
            assert site.masters.encode() not in response.body and b"/tmp" not in response.body
    response = site.get("/iiif/3/bad%%2F%s/info.json" % name)
    assert response.status in statuses | {200}
    assert site.masters.encode() not in response.body
    assert set(site.children()) == children
    log = site.error_log(mark)
    assert "IIIF" in log and "bad/" + name in log


def test_unreadable_master(site):
    for path in ("info.json", "full/max/0/default.jpg"):
        response = site.get("/iiif/3/bad%2Funreadable.jpg/" + path)
        assert response.status in (403, 404, 500)
        assert site.masters.encode() not in response.body


def test_link_within_the_root(site):
    assert site.get("/iiif/3/bad%2Finside.jpg/info.json").json()["width"] == 600


def test_broken_sidecar_withholds_the_image(site):
    for path in ("info.json", "full/max/0/default.jpg"):
        mark = site.mark()
        response = site.get("/iiif/3/side%2Fbroken.jpg/" + path)
        assert response.status == 503
        assert "Retry-After" not in response.headers
        site.wait_for_log(r"\[iiif:error\].*IIIF\d{4}: .*line 3.*side/broken\.jpg\.iiif\.json", mark)
        assert site.masters.encode() not in response.body
    # The base URI needs nothing of it, and the neighbours are served.
    assert site.get("/iiif/3/side%2Fgood.jpg/full/max/0/default.jpg").status == 200


def test_sidecar_speaks(site):
    info = site.get("/iiif/3/side%2Fgood.jpg/info.json").json()
    assert info["seeAlso"][0]["id"] == "https://example.org/record.xml"


def test_sidecars_are_no_masters(site):
    assert site.get("/iiif/3/side%2Fgood.jpg.iiif.json/info.json").status == 404


def test_master_replaced_all_the_time(make_env, masters):
    """Never a 500, whatever the moment."""
    import threading

    import masters as made
    folder, _ = masters
    path = made.save(folder, "busy/flip.jpg", made.gradient(400, 300))
    os.chmod(os.path.dirname(path), 0o755)
    os.chmod(path, 0o644)
    env = make_env('<Location "/iiif">\nIIIFRoot "{masters}"\nIIIFVersion 3\n</Location>')
    data = open(path, "rb").read()
    done = threading.Event()

    def replace():
        while not done.is_set():
            made.write(folder, "busy/new", data)
            os.chmod(os.path.join(folder, "busy/new"), 0o644)
            os.rename(os.path.join(folder, "busy/new"), path)

    worker = threading.Thread(target=replace)
    worker.start()
    try:
        statuses = {env.get("/iiif/busy%2Fflip.jpg/full/max/0/default.jpg").status for _ in range(150)}
    finally:
        done.set()
        worker.join()
    assert 200 in statuses and statuses <= {200, 503}, statuses


def test_a_long_series_of_bad_requests_leaves_no_descriptors(site):
    def descriptors():
        return sum(len(os.listdir("/proc/%d/fd" % pid)) for pid in site.children())

    paths = ["/iiif/3/bad%%2F%s/full/max/0/default.jpg" % name for name, _ in BAD] + [
        "/iiif/3/bad%2Ffifo.jpg/info.json", "/iiif/3/side%2Fbroken.jpg/info.json", "/iiif/3/side%2Fgood.jpg/info.json"]
    for path in paths:
        site.get(path)
    before = descriptors()
    for _ in range(5):
        for path in paths:
            site.get(path)
    time.sleep(0.2)
    assert descriptors() <= before + 4
