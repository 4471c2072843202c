# SPDX-License-Identifier: Apache-2.0
"""What `apachectl configtest` refuses and with which words, and what is in force where (`-t -DDUMP_IIIF`)."""
import itertools
import re

import pytest

from httpd_env import HttpdEnv

ROOT = "IIIFRoot {masters}"


def location(*lines, path="/iiif"):
    return '<Location "%s">\n%s\n</Location>\n' % (path, "\n".join(lines))


def served(*lines):
    return location(ROOT, *lines)


def vhost(*lines):
    return "<VirtualHost *:99>\n%s\n</VirtualHost>\n" % "\n".join(lines)


class Configtest:
    """One server root, written and tried with any number of configurations."""

    def __init__(self, folder):
        self.env = HttpdEnv("", modules=["socache_shmcb", "proxy"], masters=folder)
        self.base = open(self.env.conf_path).read()

    def __call__(self, text, *options):
        conf = (self.base + self.env.expand(text)).encode("utf-8", "surrogateescape")
        self.env.write("httpd.conf", conf)
        code, said = self.env.check(*options)
        return code, said.replace(self.env.root, "SERVERROOT")


@pytest.fixture(scope="module")
def configtest(masters):
    tried = Configtest(masters[0])
    yield tried
    tried.env.stop()


# --- where a directive stands -------------------------------------------------------------------------

MISPLACED = [
    (ROOT, "IIIFRoot belongs into a <Location"),
    (vhost(ROOT), "IIIFRoot belongs into a <Location"),
    ('<Directory {masters}>\n' + ROOT + '\n</Directory>', "IIIFRoot cannot stand in a <Directory> section"),
    ('<LocationMatch "^/x">\n' + ROOT + '\n</LocationMatch>', "belongs into a plain <Location"),
    ('<Location ~ "^/x">\n' + ROOT + '\n</Location>', "belongs into a plain <Location"),
    ('<Location "/x*">\n' + ROOT + '\n</Location>', "belongs into a plain <Location"),
    ('<LocationMatch "^/x">\nIIIFVersion 3\n</LocationMatch>', "IIIFVersion belongs into a plain <Location"),
    (location('<If "true">', ROOT, '</If>'), "IIIFRoot cannot stand in a <If> section"),
    (location('<Limit GET>', ROOT, '</Limit>'), "IIIFRoot cannot stand in a <Limit> section"),
    ('<Files x>\n' + ROOT + '\n</Files>', "IIIFRoot cannot stand in a <Files> section"),
    ('<Proxy "*">\n' + ROOT + '\n</Proxy>', "IIIFRoot cannot stand in a <Proxy> section"),
    ('<Directory {masters}>\nIIIFMaxWidth 100\n</Directory>', "IIIFMaxWidth cannot stand in a <Directory> section"),
    ('<Files x>\nIIIFCORS off\n</Files>', "IIIFCORS cannot stand in a <Files> section"),
    (location("IIIFForwarded none"), "IIIFForwarded not allowed in <Location> context"),
    (location("IIIFTrustedProxy none"), "IIIFTrustedProxy not allowed in <Location> context"),
    (location("IIIFRenderSlots 2"), "IIIFRenderSlots not allowed in <Location> context"),
    (vhost("IIIFRenderSlots 2"), "IIIFRenderSlots cannot occur within <VirtualHost>"),
    (vhost("IIIFQueue waiters=2"), "IIIFQueue cannot occur within <VirtualHost>"),
    (vhost("IIIFFactsCache none"), "IIIFFactsCache cannot occur within <VirtualHost>"),
    (vhost("IIIFPixelCache off"), "IIIFPixelCache cannot occur within <VirtualHost>"),
]

# --- values: what is written, and what the answer must say --------------------------------------------------

PIXELS = "must be a number of pixels such as "
BASE_URI = "must be an absolute http or https URI"
PLACEHOLDERS = "there are {identifier}, {dir}, {name}, {stem} and {hash}"

VALUES = [
    ("IIIFRoot /nonexistent", 'the folder "/nonexistent" does not exist'),
    ("IIIFRoot /", "would publish the whole machine"),
    ("IIIFRoot /etc/passwd", '"/etc/passwd" is not a folder'),
    ("IIIFRoot", "takes one argument, the folder"),
    ('IIIFRoot ""', "takes one argument, the folder"),
    ("IIIFRoot a b", "takes one argument, the folder"),
    ("IIIFRoot nowhere/x", 'the folder "SERVERROOT/nowhere/x" does not exist'),
    ("IIIFResolver", "must begin with fs"),
    ("IIIFResolver dbd x", "must begin with fs"),
    ("IIIFResolver fs", '"fs" takes one argument'),
    ("IIIFResolver fs a b", '"fs" takes one argument'),
    ("IIIFResolver template /tmp/x", "is no pattern"),
    ("IIIFResolver template /tmp/{foo}", PLACEHOLDERS),
    ("IIIFResolver template /tmp/{hash:0}", PLACEHOLDERS),
    ("IIIFResolver template /tmp/{hash:2,x}", PLACEHOLDERS),
    ("IIIFResolver template /tmp/{hash", PLACEHOLDERS),
    ("IIIFResolver template /tmp/}x{hash}", PLACEHOLDERS),
    ("IIIFResolver template /{hash}", "would publish the whole machine"),
    ("IIIFResolver template /nonexistent/{hash}", 'the folder "/nonexistent" does not exist'),
    ("IIIFService foo", 'does not know "foo"; it knows image'),
    ("IIIFService image +image", "takes either plain names"),
    ("IIIFService", "needs at least one of image"),
    ("IIIFService off image", 'does not know "off"'),
    ("IIIFVersion 4", "must be auto, 2 or 3"),
    ("IIIFVersion 3.0", "must be auto, 2 or 3"),
    ("IIIFIdentifier max=0", "must be a number of bytes from 1 to 8000"),
    ("IIIFIdentifier max=9999", "must be a number of bytes from 1 to 8000"),
    ("IIIFIdentifier foo=1", '"foo=1" is none of these'),
    ("IIIFIdentifier", "IIIFIdentifier takes max=BYTES"),
    ("IIIFIdentifier extensions=", "needs at least one file extension"),
    ("IIIFIdentifier extensions=a/b", '"a/b" is none'),
    ("IIIFIdentifier extension=x", "must be keep or none"),
    ("IIIFIdentifier slash=on", "must be encoded or literal"),
    ("IIIFPages maybe", "must be On or Off"),
    ("IIIFBaseURI foo", BASE_URI),
    ("IIIFBaseURI ftp://x/", BASE_URI),
    ("IIIFBaseURI https://x/?a", BASE_URI),
    ("IIIFBaseURI https://u:p@x/", BASE_URI),
    ('IIIFBaseURI "https://x y/"', BASE_URI),
    ("IIIFMaxWidth 0", PIXELS + "4000, or none"),
    ("IIIFMaxWidth 12K", PIXELS + "4000, or none"),
    ("IIIFMaxWidth -1", PIXELS),
    ("IIIFMaxWidth 99999999999999999999", PIXELS),
    ("IIIFMaxHeight x", PIXELS),
    ("IIIFMaxArea 64MB", PIXELS + "64M"),
    ("IIIFMaxArea 9999999999G", PIXELS + "64M"),
    ("IIIFMaxSourceArea big", PIXELS + "2G"),
    ("IIIFUpscale 1", "must be On, Off, or the largest factor"),
    ("IIIFUpscale 0.5", "must be On, Off, or the largest factor"),
    ("IIIFUpscale inf", "must be On, Off, or the largest factor"),
    ("IIIFUpscale 0x10", "must be On, Off, or the largest factor"),
    ("IIIFUpscale 1e5", "must be On, Off, or the largest factor"),
    ("IIIFUpscale 1.2.3", "must be On, Off, or the largest factor"),
    ("IIIFUpscale 5000", "up to 1000"),
    ("IIIFMemory 1M", "must be a size from 16M to 1024G"),
    ("IIIFMemory none", "must be a size from 16M to 1024G"),
    ("IIIFMemory 5000G", "must be a size from 16M to 1024G"),
    ("IIIFTimeout 0", "must be a time above 0 and up to 60min"),
    ("IIIFTimeout -5", "must be a time above 0 and up to 60min"),
    ("IIIFTimeout 2h", "must be a time above 0 and up to 60min"),
    ("IIIFTimeout 5parsec", "must be a time above 0 and up to 60min"),
    ("IIIFFormats bmp", 'does not know "bmp"; it knows jpg'),
    ("IIIFFormats -jpg", "must keep jpg and png"),
    ("IIIFFormats jpg", "must keep jpg and png"),
    ("IIIFFormats +pdf webp", "takes either plain names"),
    ("IIIFFormats", "needs at least one of jpg"),
    ("IIIFFormats +", 'does not know ""'),
    ("IIIFQualities sepia", 'does not know "sepia"; it knows default, color, gray or bitonal'),
    ("IIIFQualities +gray", "takes plain names, without + or -"),
    ("IIIFJPEGQuality 0", "must be a number from 1 to 100"),
    ("IIIFJPEGQuality 101", "must be a number from 1 to 100"),
    ("IIIFJPEGQuality 80 420", "subsampling=auto, subsampling=420 or subsampling=444"),
    ("IIIFJPEGQuality 80 subsampling=422", "subsampling=auto, subsampling=420 or subsampling=444"),
    ("IIIFPNGLevel 10", "must be a number from 0 to 9"),
    ("IIIFWebPQuality x", "must be a number from 1 to 100"),
    ("IIIFColor cmyk", "must be srgb or keep"),
    ("IIIFBitonal foo", "must be diffusion, threshold"),
    ("IIIFBitonal threshold=0", "N from 1 to 255"),
    ("IIIFBitonal threshold=256", "N from 1 to 255"),
    ("IIIFBackground pink", "six hexadecimal digits"),
    ("IIIFBackground #12345", "six hexadecimal digits"),
    ('IIIFAttribution "\udcfc"', "must be text in UTF-8"),
    ("IIIFRights foo", "must be an absolute http or https URI"),
    ("IIIFLogo /x.png", "must be an absolute http or https URI"),
    ('IIIFCacheControl "a\x01b"', "must be the value of a Cache-Control header"),
    ("IIIFCORS foo", '"foo" is none of these or not alone'),
    ("IIIFCORS https://a.example/", "scheme, host and port, nothing after"),
    ("IIIFCORS * https://a.example", '"*" is none of these or not alone'),
    ("IIIFCORS off off", '"off" is none of these or not alone'),
    ("IIIFCORS", "needs *, at least one origin, or off"),
    ("IIIFStrict 2", "must be On or Off"),
]

GLOBAL = [
    ("IIIFForwarded maybe", "must be none, x-forwarded"),
    ("IIIFTrustedProxy foo", '"foo" is none of these'),
    ("IIIFTrustedProxy 10.0.0.0/99", '"10.0.0.0/99" is none of these'),
    ("IIIFTrustedProxy", "needs at least one address or network"),
    ("IIIFRenderSlots 0", "must be a number from 1 to 4096"),
    ("IIIFRenderSlots 2 reserve=2", "reserve=N with N below it, here from 0 to 1"),
    ("IIIFRenderSlots 2 foo=1", "must be reserve=N"),
    ("IIIFQueue foo=1", '"foo=1" is none of these'),
    ("IIIFQueue waiters=-1", "must be a number from 0 to 65536"),
    ("IIIFQueue timeout=0", "must be a time above 0 and up to 10min"),
    ("IIIFQueue retry-after=1h", "must be a time above 0 and up to 10min"),
    ("IIIFQueue", "takes waiters=N, timeout=TIME and retry-after=TIME"),
    ("IIIFFactsCache :x", "must be shmcb:SIZE"),
    ("IIIFPixelCache 15M", "must be a number of bytes from 16M to 1024G, or off"), ("IIIFPixelCache 2000G", "from 16M to 1024G"),
    ("IIIFPixelCache on", "or off"), ("IIIFPixelCache", "takes one argument"),
    ('IIIFFactsCache "sh mcb"', "must be shmcb:SIZE"),
]

# --- what only several directives, or the rest of the server, show to be wrong --------------------------------

CROSS = [
    (served("IIIFMaxHeight 100"), "IIIF6000: <Location \"/iiif\">: IIIFMaxHeight needs IIIFMaxWidth"),
    ("IIIFMaxHeight 100\n" + served(), "IIIFMaxHeight needs IIIFMaxWidth"),
    (served("IIIFUpscale On", "IIIFMaxArea none"), "IIIFUpscale needs a limit"),
    (served() + location("IIIFMaxArea none", "IIIFUpscale On", path="/iiif/in"), "<Location \"/iiif/in\">: IIIFUpscale needs"),
    (served() + location("IIIFBaseURI https://x.example", path="/iiif/in"), "IIIFBaseURI must stand in the <Location> of IIIFRoot"),
    ("IIIFForwarded forwarded", "IIIF6001: IIIFForwarded has no effect without IIIFTrustedProxy"),
    (vhost("IIIFForwarded x-forwarded"), "IIIF6001: IIIFForwarded has no effect without IIIFTrustedProxy"),
    ("IIIFTrustedProxy 10.0.0.1\n" + vhost("IIIFTrustedProxy none", "IIIFForwarded forwarded"), "IIIF6001"),
    ("IIIFFactsCache memcache:localhost:11211", 'IIIF6002: IIIFFactsCache: "memcache" is not loaded'),
    ("IIIFFactsCache shmcb:100", "IIIF6002: IIIFFactsCache: shmcb: "),
    ('IIIFFactsCache "shmcb:/x(12"', "IIIF6002: IIIFFactsCache: shmcb: "),
]


def identity(value):
    return re.sub(r"\s+", " ", value.encode("ascii", "backslashreplace").decode()) if isinstance(value, str) else None


@pytest.mark.parametrize("conf, sentence", MISPLACED, ids=identity)
def test_misplaced(configtest, conf, sentence):
    code, said = configtest(conf)
    assert code == 1 and sentence in said, said


@pytest.mark.parametrize("line, sentence", VALUES, ids=identity)
def test_bad_value(configtest, line, sentence):
    code, said = configtest(location(line))
    assert code == 1 and sentence in said, said
    assert line.split()[0] in said.split("\n", 1)[1], "the sentence names the directive"
    # httpd adds file and line, so the sentence is one line.
    assert len(said.strip().splitlines()) == 2, said


@pytest.mark.parametrize("line, sentence", GLOBAL, ids=identity)
def test_bad_value_for_the_server(configtest, line, sentence):
    code, said = configtest(line)
    assert code == 1 and sentence in said and line.split()[0] in said, said


@pytest.mark.parametrize("conf, sentence", CROSS, ids=identity)
def test_contradictions(configtest, conf, sentence):
    code, said = configtest(conf)
    assert code == 1 and sentence in said, said
    assert "Configuration check failed" in said


@pytest.mark.parametrize("word", ["presentation", "+search", "viewer", "annotations", "discovery", "auth"])
def test_services_that_are_not_built(configtest, word):
    code, said = configtest(served("IIIFService " + word))
    # With the service a later build may know the word.
    assert code == 0 or 'does not offer the service "%s"' % word.lstrip("+") in said, said


GOOD = [
    "", served(), served(ROOT), location("IIIFRoot {root}/htdocs"), location("IIIFRoot htdocs"),
    location(ROOT, path="/"), location(ROOT, path="/ünï cödé"), location("IIIFResolver fs {masters}/"),
    location('IIIFResolver template "{masters}/{hash:2}/{hash:2,2}/{stem}.tif"'),
    served("IIIFMaxHeight 100", "IIIFMaxWidth 1"), "IIIFMaxWidth 100\n" + served("IIIFMaxHeight 100"),
    served("IIIFService off"), served("IIIFService +image"), served("IIIFUpscale On"), served("IIIFUpscale 2.5"),
    served("IIIFUpscale On", "IIIFMaxArea none", "IIIFMaxWidth 10"), served("IIIFTimeout 1min"), served("IIIFTimeout 300ms"),
    served("IIIFMemory 16M"), served("IIIFMemory 1024G"), served("IIIFMaxSourceArea none"), served("IIIFMaxArea 1G"),
    served("IIIFBackground #F5f0E6"), served("IIIFBackground black"), served('IIIFAttribution "Bücherei \\"Nord\\""'),
    served("IIIFCORS https://a.example:8443 http://b.example"), served("IIIFCORS off"), served("IIIFCORS *"),
    served("IIIFFormats jpg png"), served("IIIFFormats +pdf +jp2 -gif"), served("IIIFQualities default"),
    served("IIIFIdentifier extensions=.JP2,tif", "IIIFIdentifier max=8000"), served("IIIFBaseURI none"),
    location("IIIFBaseURI https://x.example/a/", ROOT), "IIIFBaseURI https://x.example/\n" + served(),
    "IIIFPixelCache off", "IIIFPixelCache 16M", "IIIFPixelCache 2G", "IIIFFactsCache none", "IIIFFactsCache shmcb", "IIIFFactsCache shmcb:1M", 'IIIFFactsCache "shmcb:{root}/run/x(100000)"',
    "IIIFForwarded forwarded\nIIIFTrustedProxy ::1", "IIIFTrustedProxy none", "IIIFTrustedProxy 10.0.0.0/8 ::1 192.0.2.1",
    "IIIFTrustedProxy 10.0.0.1\n" + vhost("IIIFForwarded x-forwarded"),
    "IIIFQueue waiters=0 timeout=100ms retry-after=1", "IIIFRenderSlots 4 reserve=0", "IIIFRenderSlots 1",
    "<IfModule iiif_module>\n" + served() + "</IfModule>\n<IfModule mod_iiif.c>\n" + served() + "</IfModule>",
    '<LocationMatch "^/iiif/x">\nIIIFMaxWidth 100\nIIIFCORS off\n</LocationMatch>\n' + served(),
]


@pytest.mark.parametrize("conf", GOOD, ids=identity)
def test_good(configtest, conf):
    code, said = configtest(conf)
    assert code == 0 and "Syntax OK" in said, said


def test_one_exported_name_one_module(configtest):
    code, said = configtest("", "-M")
    assert code == 0 and re.search(r"^ iiif_module \(shared\)$", said, re.M)


# --- what is in force where ------------------------------------------------------------------------------
#
# Four places: main server, virtual host, <Location "/a"> and <Location "/a/b"> of the main server. All sixteen ways of
# setting each directive in some of them and not in others, against what the merging rules of directives.md say.

MAIN, VHOST, OUTER, INNER = range(4)
ALL_FORMATS = ["jpg", "png", "webp", "gif", "tif", "jp2", "pdf"]


def override(default):
    """The innermost place that says something."""
    return lambda said: said[-1] if said else default


def least(default):
    """An inner section lowers, never lifts."""
    return lambda said: str(min(int(value) for value in said)) if said else default


def relative(default, order, empty):
    def merge(said):
        have = set(default)
        for words in said:
            for i, word in enumerate(words.split()):
                if word[0] == "+":
                    have.add(word[1:])
                elif word[0] == "-":
                    have.discard(word[1:])
                else:
                    have = ({word} if i == 0 else have | {word}) - {empty}
        return " ".join(word for word in order if word in have) or empty
    return merge


def by_key(**default):
    """Each key of IIIFIdentifier by itself."""
    def merge(said):
        keys = dict(default)
        for words in said:
            keys.update(word.split("=") for word in words.split())
        return "max=%(max)s extensions=%(extensions)s extension=%(extension)s slash=%(slash)s" % keys
    return merge


NONE, ANYWHERE, SECTIONS = "none", (MAIN, VHOST, OUTER, INNER), (OUTER, INNER)

# directive: how it merges, and what is said at each of the four places, as the dump writes it
MERGED = {
    "IIIFService": (relative({"image"}, ["image"], "off"), ["off", "+image", "-image", "image"]),
    "IIIFVersion": (override("auto"), ["2", "3", "auto", "2"]),
    "IIIFIdentifier": (by_key(max="1024", extensions="all", extension="keep", slash="encoded"),
                       ["max=100 extension=none", "slash=literal", "max=200 extensions=jp2,tif", "extensions=all extension=keep"]),
    "IIIFPages": (override("Off"), ["On", "Off", "On", "Off"]),
    "IIIFMaxWidth": (override(NONE), ["100", "200", NONE, "400"]),
    "IIIFMaxHeight": (override(NONE), ["90", NONE, NONE, "390"]),
    "IIIFMaxArea": (override("67108864"), ["1000000", NONE, "3000000", "4000000"]),
    "IIIFUpscale": (override("Off"), ["2.5", "Off", "3", "Off"]),
    "IIIFMaxSourceArea": (least("2147483648"), ["3000000", "5000000", "4000000", "2000000"]),
    "IIIFMemory": (least("268435456"), ["67108864", "134217728", "536870912", "33554432"]),
    "IIIFTimeout": (override("20000ms"), ["1000ms", "2000ms", "60000ms", "500ms"]),
    "IIIFFormats": (relative({"jpg", "png", "webp", "gif", "tif"}, ALL_FORMATS, "?"),
                    ["+pdf", "-gif +jp2", "jpg png webp", "+gif -webp"]),
    "IIIFQualities": (override("default color gray bitonal"), ["default gray", "default", "default color", "default bitonal"]),
    "IIIFJPEGQuality": (override("85 subsampling=auto"), ["10 subsampling=444", "20 subsampling=auto", "30 subsampling=420",
                                                          "40 subsampling=auto"]),
    "IIIFPNGLevel": (override("6"), ["1", "0", "3", "9"]),
    "IIIFWebPQuality": (override("80"), ["11", "22", "33", "44"]),
    "IIIFColor": (override("srgb"), ["keep", "srgb", "keep", "srgb"]),
    "IIIFBitonal": (override("diffusion"), ["threshold=10", "diffusion", "threshold=128", "threshold=20"]),
    "IIIFBackground": (override("ffffff"), ["000000", "102030", "ffffff", "f5f0e6"]),
    "IIIFAttribution": (override(NONE), ['"main"', '"vhost"', NONE, '"inner"']),
    "IIIFRights": (override(NONE), ['"http://a.example/"', NONE, '"http://c.example/"', '"http://d.example/"']),
    "IIIFLogo": (override(NONE), ['"http://a.example/1"', '"http://b.example/2"', NONE, '"http://d.example/4"']),
    "IIIFCacheControl": (override('"public, max-age=86400"'), ['"max-age=1"', NONE, '"no-store"', '"max-age=4"']),
    "IIIFCORS": (override("*"), ["https://a.example", "off", "*", "https://d.example http://e.example:81"]),
    "IIIFStrict": (override("Off"), ["On", "Off", "On", "Off"]),
}

PLACES = {
    "localhost main": (MAIN,), "v.example:99": (MAIN, VHOST),
    '"/a" of localhost': (MAIN, OUTER), '"/a" of v.example:99': (MAIN, VHOST, OUTER),
    '"/a/b" of localhost': (MAIN, OUTER, INNER), '"/a/b" of v.example:99': (MAIN, VHOST, OUTER, INNER),
}
ROUTING = ("IIIFService", "IIIFVersion", "IIIFIdentifier", "IIIFPages")


def sections(dump):
    """{heading without its kind: {directive: value}}"""
    found = {}
    for block in re.split(r"\n(?=\[)", dump):
        heading, *lines = block.splitlines()
        name = re.fullmatch(r"\[(?:server|Location|LocationMatch) (.*)\]", heading)
        if name:
            found[name.group(1)] = dict(line.split(" ", 1) for line in lines if line.startswith("IIIF"))
    return found


def compose(lines):
    """lines[place]: what is said there."""
    return "%s\n%s%s%s" % ("\n".join(lines[MAIN]), location(ROOT, *lines[OUTER], path="/a"),
                           location("# nothing", *lines[INNER], path="/a/b"),
                           vhost("ServerName v.example:99", *lines[VHOST]))


@pytest.fixture(scope="module")
def dumps(configtest):
    """For each set of places: everything said at all of them, and the dump of that."""
    made = {}
    for chosen in itertools.chain.from_iterable(itertools.combinations(ANYWHERE, n) for n in range(5)):
        lines = [["%s %s" % (name, values[place]) for name, (_, values) in MERGED.items()] if place in chosen else []
                 for place in ANYWHERE]
        # IIIFMaxHeight alone would be a contradiction, and so would enlarging without a limit.
        code, said = configtest(compose(lines), "-DDUMP_IIIF")
        assert code == 0, said
        made[chosen] = sections(said)
    return made


@pytest.mark.parametrize("name", MERGED)
def test_merging(dumps, name):
    merge, values = MERGED[name]
    for chosen, dump in dumps.items():
        for heading, chain in PLACES.items():
            if name in ROUTING and heading[0] != '"':
                continue    # said of sections only
            if heading.startswith('"/a/b"') and INNER not in chosen:
                continue    # a section that says nothing is not listed
            expected = merge([values[place] for place in chain if place in chosen])
            assert dump[heading][name] == expected, (chosen, heading)


def test_every_directive_is_in_the_matrix(dumps, configtest):
    """What the module knows, by its own word, is what is tried here."""
    apart = {"IIIFRoot", "IIIFResolver", "IIIFBaseURI", "IIIFForwarded", "IIIFTrustedProxy", "IIIFRenderSlots", "IIIFQueue",
             "IIIFFactsCache", "IIIFPixelCache"}
    _, said = configtest("", "-L")
    known = set(re.findall(r"^(IIIF\w+) \(mod_iiif\.c\)", said, re.M))
    assert known == set(MERGED) | apart


def test_order_of_the_files_decides(configtest):
    """httpd merges sections as they stand: the inner one has to be the later."""
    inner, outer = location("IIIFMaxWidth 1", path="/a/b"), location(ROOT, "IIIFMaxWidth 2", path="/a")
    assert sections(configtest(outer + inner, "-DDUMP_IIIF")[1])['"/a/b" of localhost']["IIIFMaxWidth"] == "1"
    assert sections(configtest(inner + outer, "-DDUMP_IIIF")[1])['"/a/b" of localhost']["IIIFMaxWidth"] == "2"


def test_roots_of_nested_sections(configtest):
    conf = location(ROOT, path="/a") + location('IIIFResolver template "{masters}/{hash}"', path="/a/b") + \
        location("IIIFMaxWidth 1", path="/a/b/c") + location(ROOT, path="/a/d")
    dump = sections(configtest(conf, "-DDUMP_IIIF")[1])
    assert "IIIFRoot" in dump['"/a" of localhost'] and "IIIFResolver" not in dump['"/a" of localhost']
    for path in ("/a/b", "/a/b/c"):
        assert dump['"%s" of localhost' % path]["IIIFResolver"].startswith("template ")
        assert "IIIFRoot" not in dump['"%s" of localhost' % path]
    assert "IIIFRoot" in dump['"/a/d" of localhost']


def test_base_uri(configtest):
    """Of the server it is the address of the host; of a section, that of the section, and it leads on to those within."""
    conf = "IIIFBaseURI https://main.example/\n" + vhost("ServerName v.example:99", "IIIFBaseURI https://v.example/x") + \
        vhost("ServerName w.example:99") + vhost("ServerName n.example:99", "IIIFBaseURI none") + \
        location("IIIFBaseURI https://s.example/s", path="/s") + location(ROOT, path="/s/in") + \
        location("IIIFBaseURI none", path="/s/in/none")
    dump = sections(configtest(conf, "-DDUMP_IIIF")[1])
    assert dump["localhost main"]["IIIFBaseURI"] == "https://main.example"
    assert dump["v.example:99"]["IIIFBaseURI"] == "https://v.example/x"
    assert dump["w.example:99"]["IIIFBaseURI"] == "https://main.example"
    assert dump["n.example:99"]["IIIFBaseURI"] == "none"
    assert dump['"/s/in" of localhost']["IIIFBaseURI"] == "https://s.example/s/in"
    assert dump['"/s/in/none" of localhost']["IIIFBaseURI"] == "none"


@pytest.mark.parametrize("chosen", [(), (MAIN,), (VHOST,), (MAIN, VHOST)])
def test_forwarding(configtest, chosen):
    said = [["IIIFForwarded x-forwarded", "IIIFTrustedProxy 10.0.0.1", "IIIFTrustedProxy 10.1.0.0/16"],
            ["IIIFForwarded forwarded", "IIIFTrustedProxy ::1"]]
    lines = [said[place] if place in chosen else [] for place in (MAIN, VHOST)] + [[], []]
    dump = sections(configtest(compose(lines), "-DDUMP_IIIF")[1])
    for heading in ("localhost main", "v.example:99"):
        chain = [place for place in PLACES[heading] if place in chosen]
        assert dump[heading]["IIIFForwarded"] == (["x-forwarded", "forwarded"][chain[-1]] if chain else "none")
        assert dump[heading]["IIIFTrustedProxy"] == (" ".join(["10.0.0.1 10.1.0.0/16", "::1"][place] for place in chain) or "none")


def test_trusted_proxies_are_cleared(configtest):
    dump = sections(configtest("IIIFTrustedProxy 10.0.0.1\n" + vhost("ServerName v.example:99", "IIIFTrustedProxy none",
                                                                   "IIIFTrustedProxy ::1"), "-DDUMP_IIIF")[1])
    assert dump["v.example:99"]["IIIFTrustedProxy"] == "::1"
    assert dump["localhost main"]["IIIFTrustedProxy"] == "10.0.0.1"


def test_global_directives(configtest):
    dump = sections(configtest("", "-DDUMP_IIIF")[1])["localhost main"]
    slots = int(dump["IIIFRenderSlots"].split()[0])
    assert dump["IIIFRenderSlots"] == "%d reserve=%d" % (slots, slots > 1)
    assert dump["IIIFQueue"] == "waiters=%d timeout=10000ms retry-after=2s" % max(32, 8 * slots)
    assert dump["IIIFFactsCache"] == "shmcb:2M"
    assert dump["IIIFPixelCache"] == "268435456"
    dump = sections(configtest("IIIFRenderSlots 6 reserve=2\nIIIFRenderSlots 5\nIIIFQueue waiters=3\nIIIFQueue timeout=4s\n"
                               "IIIFFactsCache none\nIIIFPixelCache 20M\n" + vhost("ServerName v.example:99"), "-DDUMP_IIIF")[1])
    assert dump["localhost main"]["IIIFRenderSlots"] == "5 reserve=1"
    assert dump["localhost main"]["IIIFQueue"] == "waiters=3 timeout=4000ms retry-after=2s"
    assert dump["localhost main"]["IIIFFactsCache"] == "none"
    assert dump["localhost main"]["IIIFPixelCache"] == "20971520"
    assert sections(configtest("IIIFPixelCache off", "-DDUMP_IIIF")[1])["localhost main"]["IIIFPixelCache"] == "off"
    assert "IIIFRenderSlots" not in dump["v.example:99"]


def test_the_dump_is_a_configuration(configtest):
    """What the dump says of a section is what brings it about."""
    said = configtest(served("IIIFMaxWidth 100", "IIIFFormats +pdf", 'IIIFAttribution "a \\"b\\" ü"', "IIIFUpscale 2"),
                      "-DDUMP_IIIF")[1]
    block = sections(said)['"/iiif" of localhost']
    again = configtest(location(*("%s %s" % item for item in block.items())), "-DDUMP_IIIF")
    assert again[0] == 0, again[1]
    assert sections(again[1])['"/iiif" of localhost'] == block


def test_build_is_told(configtest):
    said = configtest("", "-DDUMP_IIIF")[1]
    build = said.split("\n\n")[0]
    assert build.startswith("[build]\n")
    assert re.search(r"^JP2 OpenJPEG \d", build, re.M) and re.search(r"^Reads .*\bjp2 jpeg png\b", build, re.M)
