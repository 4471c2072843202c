# SPDX-License-Identifier: Apache-2.0
"""A checker of info.json, written from the specification (Image 3.0 §5, Image 2.1 §5) and sharing nothing with the server.

    problems(version, document, base)   a list of sentences, empty where the document is valid
    Offer(version, document)            what it announces: formats, qualities, features, limits
"""
from urllib.parse import urlparse

LEVEL_FEATURES = {
    3: [set(), {"regionByPx", "regionSquare", "sizeByW", "sizeByH", "sizeByWh", "baseUriRedirect", "cors", "jsonldMediaType"},
        {"regionByPct", "sizeByPct", "sizeByConfinedWh", "rotationBy90s"}],
    2: [set(), {"regionByPx", "sizeByW", "sizeByH", "sizeByPct", "baseUriRedirect", "cors", "jsonldMediaType"},
        {"regionByPct", "sizeByWh", "sizeByDistortedWh", "sizeByConfinedWh", "sizeByForcedWh", "rotationBy90s"}],
}
EXTRA_FEATURES = {
    3: {"canonicalLinkHeader", "mirroring", "profileLinkHeader", "rotationArbitrary", "sizeUpscaling"},
    2: {"canonicalLinkHeader", "mirroring", "profileLinkHeader", "rotationArbitrary", "sizeAboveFull", "regionSquare",
        "sizeByWhListed", "sizeByForcedWh"},
}
KEYS = {
    3: {"@context", "id", "type", "protocol", "profile", "width", "height", "maxWidth", "maxHeight", "maxArea", "sizes", "tiles",
        "preferredFormats", "rights", "extraQualities", "extraFormats", "extraFeatures", "partOf", "seeAlso", "service"},
    2: {"@context", "@id", "@type", "protocol", "width", "height", "profile", "sizes", "tiles", "attribution", "license", "logo",
        "service"},
}
FORMATS = {"jpg", "png", "tif", "gif", "jp2", "pdf", "webp"}


def implied(version, level):
    return set().union(*LEVEL_FEATURES[version][:level + 1])


def _level(text, form):
    """0 where it is none, which the checker says elsewhere."""
    return next((level for level in range(3) if text == form % level), 0)


class Offer:
    """What a document announces, whatever the version."""

    def __init__(self, version, document):
        if version == 3:
            self.level = _level(document["profile"], "level%d")
            beyond = {"formats": document.get("extraFormats", []), "qualities": document.get("extraQualities", []),
                      "supports": document.get("extraFeatures", [])}
            limits = document
        else:
            self.level = _level(document["profile"][0], "http://iiif.io/api/image/2/level%d.json")
            beyond = limits = document["profile"][1] if len(document["profile"]) > 1 else {}
        self.listed_formats = beyond.get("formats", [])
        self.listed_qualities = beyond.get("qualities", [])
        self.listed_features = beyond.get("supports", [])
        self.formats = {"jpg"} | ({"png"} if self.level == 2 else set()) | set(self.listed_formats)
        self.qualities = {"default"} | set(self.listed_qualities) | ({"bitonal"} if (version, self.level) == (2, 2) else set())
        self.features = implied(version, self.level) | set(self.listed_features)
        self.max_width = limits.get("maxWidth")
        self.max_height = limits.get("maxHeight", self.max_width)
        self.max_area = limits.get("maxArea")

    def allows(self, width, height):
        return not ((self.max_width and width > self.max_width) or (self.max_height and height > self.max_height) or
                    (self.max_area and width * height > self.max_area))


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_uri(value):
    return isinstance(value, str) and urlparse(value).scheme in ("http", "https", "urn") and " " not in value


def _numbers(version, document):
    where = document if version == 3 else {**document, **(document["profile"][1] if len(document["profile"]) > 1 else {})}
    for key in ("width", "height", "maxWidth", "maxHeight", "maxArea"):
        if (key in ("width", "height") or key in where) and not _is_count(where.get(key)):
            yield "%s is no positive integer" % key
    if "maxHeight" in where and "maxWidth" not in where:
        yield "maxHeight without maxWidth"


def _sizes(document, offer):
    for entry in document.get("sizes", []):
        if set(entry) - {"width", "height", "type", "@type"} or not all(_is_count(entry.get(k)) for k in ("width", "height")):
            yield "a size is malformed: %r" % entry
        elif not offer.allows(entry["width"], entry["height"]):
            yield "a size is beyond the limits: %r" % entry
        elif any(_is_count(document.get(k)) and entry[k] > document[k] for k in ("width", "height")):
            yield "a size is larger than the image: %r" % entry


def _tiles(document, offer):
    seen, factors = set(), []
    for entry in document.get("tiles", []):
        width = entry.get("width")
        height = entry.get("height", width)
        if set(entry) - {"width", "height", "scaleFactors", "type", "@type"} or not _is_count(width) or not _is_count(height):
            yield "a tile is malformed: %r" % entry
            continue
        if (width, height) in seen:
            yield "a pair of tile sizes is there twice: %r" % entry
        seen.add((width, height))
        delivered = [min(side, document[k]) for side, k in ((width, "width"), (height, "height")) if _is_count(document.get(k))]
        if len(delivered) == 2 and not offer.allows(*delivered):
            yield "a tile is beyond the limits: %r" % entry
        if not entry.get("scaleFactors") or not all(_is_count(f) for f in entry["scaleFactors"]):
            yield "scaleFactors are malformed: %r" % entry
        factors += entry.get("scaleFactors", [])
    if len(factors) != len(set(factors)):
        yield "a scale factor is there twice"


def _extras(version, document, offer):
    color = "color" in offer.listed_qualities
    if not set(offer.listed_formats) <= FORMATS:
        yield "unknown formats: %r" % offer.listed_formats
    if set(offer.listed_formats) & ({"jpg", "png"} if offer.level == 2 else {"jpg"}):
        yield "formats that the level implies are listed"
    if not set(offer.listed_qualities) <= {"color", "gray", "bitonal"}:
        yield "unknown qualities: %r" % offer.listed_qualities
    if version == 2 and offer.level == 2 and "bitonal" in offer.listed_qualities:
        yield "bitonal is implied by level 2"
    if not set(offer.listed_features) <= EXTRA_FEATURES[version] | set().union(*LEVEL_FEATURES[version]):
        yield "unknown features: %r" % offer.listed_features
    if set(offer.listed_features) & implied(version, offer.level):
        yield "features that the level implies are listed"
    if offer.level == 2 and color and "gray" not in offer.listed_qualities:
        yield "level 2 without gray"
    for key in ("extraFormats", "extraQualities", "extraFeatures", "sizes", "tiles", "partOf", "seeAlso", "service"):
        if document.get(key, True) in ([], {}):
            yield "%s is empty" % key
    for listed in (offer.listed_formats, offer.listed_qualities, offer.listed_features):
        if len(listed) != len(set(listed)):
            yield "listed twice: %r" % listed


def _links(document):
    for key in ("partOf", "seeAlso"):
        for item in document.get(key, []):
            if not isinstance(item, dict) or not _is_uri(item.get("id")) or not item.get("type"):
                yield "an item of %s has no id and type: %r" % (key, item)
            elif not all(isinstance(v, list) for v in item.get("label", {}).values()):
                yield "a label is no language map: %r" % item
    for item in document.get("service", []):
        if not (item.get("id") and item.get("type")) and not (item.get("@id") and item.get("@type")):
            yield "a service has no id and type: %r" % item
        if not isinstance(item.get("profile", ""), str):
            yield "the profile of a service is no string"


def _version_3(document, offer):
    context = document.get("@context")
    own = "http://iiif.io/api/image/3/context.json"
    if context != own and not (isinstance(context, list) and context[-1] == own and all(_is_uri(c) for c in context)):
        yield "@context is wrong: %r" % context
    if document.get("type") != "ImageService3" or document.get("profile") not in ("level0", "level1", "level2"):
        yield "type or profile is wrong"
    if "sizeUpscaling" in offer.features and not (offer.max_width or offer.max_area):
        yield "enlarging without a limit"
    rights = document.get("rights", "http://creativecommons.org/")
    if not isinstance(rights, str) or not rights.startswith(("http://creativecommons.org/", "http://rightsstatements.org/")):
        yield "rights is none that may stand there: %r" % rights
    yield from _links(document)


def _version_2(document, offer):
    if document.get("@context") != "http://iiif.io/api/image/2/context.json":
        yield "@context is wrong"
    if document.get("@type", "iiif:Image") != "iiif:Image":
        yield "@type is wrong"
    profile = document["profile"]
    if profile[0] != "http://iiif.io/api/image/2/level%d.json" % offer.level:
        yield "profile does not begin with a level: %r" % profile
    for beyond in profile[1:]:
        if not beyond or set(beyond) - {"formats", "qualities", "supports", "maxWidth", "maxHeight", "maxArea"}:
            yield "the object of the profile is malformed: %r" % beyond
    services = document.get("service", [])
    for item in services if isinstance(services, list) else [services]:
        if "@context" not in item:
            yield "a service has no context: %r" % item


def problems(version, document, base):
    """Sentences of what is wrong."""
    if isinstance(document.get("profile"), list) != (version == 2):
        return ["profile is %r" % document.get("profile")]
    offer = Offer(version, document)
    found = []
    if list(document)[:2] != ["@context", "id" if version == 3 else "@id"]:
        found.append("@context and the id do not come first")
    if document.get("id" if version == 3 else "@id") != base or base.endswith("/"):
        found.append("the id is %r" % document.get("id", document.get("@id")))
    if document.get("protocol") != "http://iiif.io/api/image":
        found.append("protocol is wrong")
    if set(document) - KEYS[version]:
        found.append("members that this version does not know: %r" % (set(document) - KEYS[version]))
    for part in (_numbers(version, document), _sizes(document, offer), _tiles(document, offer),
                 _extras(version, document, offer), (_version_3 if version == 3 else _version_2)(document, offer)):
        found += part
    return found
