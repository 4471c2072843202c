/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Directives: their names, so that messages, table and dump cannot drift apart, the setters that the table of h_cmd.c lists, and
 * the parsers that setters share. A setter returns NULL, or a sentence that names what it accepts.
 */
#ifndef H_CMD_H
#define H_CMD_H

#include "h_conf.h"

#define H_NAME_ROOT             "IIIFRoot"
#define H_NAME_RESOLVER         "IIIFResolver"
#define H_NAME_SERVICE          "IIIFService"
#define H_NAME_VERSION          "IIIFVersion"
#define H_NAME_IDENTIFIER       "IIIFIdentifier"
#define H_NAME_PAGES            "IIIFPages"
#define H_NAME_BASE_URI         "IIIFBaseURI"
#define H_NAME_FORMATS          "IIIFFormats"
#define H_NAME_QUALITIES        "IIIFQualities"
#define H_NAME_MAX_WIDTH        "IIIFMaxWidth"
#define H_NAME_MAX_HEIGHT       "IIIFMaxHeight"
#define H_NAME_MAX_AREA         "IIIFMaxArea"
#define H_NAME_UPSCALE          "IIIFUpscale"
#define H_NAME_MAX_SOURCE_AREA  "IIIFMaxSourceArea"
#define H_NAME_MEMORY           "IIIFMemory"
#define H_NAME_TIMEOUT          "IIIFTimeout"
#define H_NAME_JPEG_QUALITY     "IIIFJPEGQuality"
#define H_NAME_PNG_LEVEL        "IIIFPNGLevel"
#define H_NAME_WEBP_QUALITY     "IIIFWebPQuality"
#define H_NAME_COLOR            "IIIFColor"
#define H_NAME_BITONAL          "IIIFBitonal"
#define H_NAME_BACKGROUND       "IIIFBackground"
#define H_NAME_ATTRIBUTION      "IIIFAttribution"
#define H_NAME_RIGHTS           "IIIFRights"
#define H_NAME_LOGO             "IIIFLogo"
#define H_NAME_CACHE_CONTROL    "IIIFCacheControl"
#define H_NAME_CORS             "IIIFCORS"
#define H_NAME_STRICT           "IIIFStrict"
#define H_NAME_FORWARDED        "IIIFForwarded"
#define H_NAME_TRUSTED_PROXY    "IIIFTrustedProxy"
#define H_NAME_RENDER_SLOTS     "IIIFRenderSlots"
#define H_NAME_QUEUE            "IIIFQueue"
#define H_NAME_FACTS_CACHE      "IIIFFactsCache"
#define H_NAME_PIXEL_CACHE      "IIIFPixelCache"

/* --- h_cmd_service.c: what is served, under which URLs ------------------------------------------- */
const char *h_cmd_root(cmd_parms *cmd, void *dir, const char *path);
const char *h_cmd_resolver(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *h_cmd_service(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *h_cmd_version(cmd_parms *cmd, void *dir, const char *version);
const char *h_cmd_identifier(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *h_cmd_pages(cmd_parms *cmd, void *dir, int on);
const char *h_cmd_base_uri(cmd_parms *cmd, void *dir, const char *uri);

/* --- h_cmd_limits.c: how much -------------------------------------------------------------------- */
const char *h_cmd_max_width(cmd_parms *cmd, void *dir, const char *pixels);
const char *h_cmd_max_height(cmd_parms *cmd, void *dir, const char *pixels);
const char *h_cmd_max_area(cmd_parms *cmd, void *dir, const char *pixels);
const char *h_cmd_upscale(cmd_parms *cmd, void *dir, const char *factor);
const char *h_cmd_max_source_area(cmd_parms *cmd, void *dir, const char *pixels);
const char *h_cmd_memory(cmd_parms *cmd, void *dir, const char *size);
const char *h_cmd_timeout(cmd_parms *cmd, void *dir, const char *time);

/* --- h_cmd_output.c: in which form --------------------------------------------------------------- */
const char *h_cmd_formats(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *h_cmd_qualities(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *h_cmd_jpeg_quality(cmd_parms *cmd, void *dir, const char *quality, const char *subsampling);
const char *h_cmd_png_level(cmd_parms *cmd, void *dir, const char *level);
const char *h_cmd_webp_quality(cmd_parms *cmd, void *dir, const char *quality);
const char *h_cmd_color(cmd_parms *cmd, void *dir, const char *mode);
const char *h_cmd_bitonal(cmd_parms *cmd, void *dir, const char *method);
const char *h_cmd_background(cmd_parms *cmd, void *dir, const char *color);

/* --- h_cmd_http.c: what documents and headers say ------------------------------------------------ */
const char *h_cmd_attribution(cmd_parms *cmd, void *dir, const char *text);
const char *h_cmd_rights(cmd_parms *cmd, void *dir, const char *uri);
const char *h_cmd_logo(cmd_parms *cmd, void *dir, const char *uri);
const char *h_cmd_cache_control(cmd_parms *cmd, void *dir, const char *value);
const char *h_cmd_cors(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *h_cmd_strict(cmd_parms *cmd, void *dir, int on);
const char *h_cmd_forwarded(cmd_parms *cmd, void *dir, const char *kind);
const char *h_cmd_trusted_proxy(cmd_parms *cmd, void *dir, int argc, char *const argv[]);

/* --- h_cmd_global.c: for the whole server -------------------------------------------------------- */
const char *h_cmd_render_slots(cmd_parms *cmd, void *dir, const char *slots, const char *reserve);
const char *h_cmd_queue(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *h_cmd_facts_cache(cmd_parms *cmd, void *dir, const char *specification);
const char *h_cmd_pixel_cache(cmd_parms *cmd, void *dir, const char *size);

/* --- h_cmd_parse.c ------------------------------------------------------------------------------- */
/** Where a directive stands. <IfModule>, <IfDefine>, <IfVersion> and the like do not count. */
typedef enum h_place {
    H_PLACE_SERVER,    /**< main server or virtual host */
    H_PLACE_LOCATION,  /**< plain <Location "/path"> */
    H_PLACE_PATTERN,   /**< <LocationMatch>, <Location ~>, or a <Location> with wildcards */
    H_PLACE_OTHER      /**< <Directory>, <Files>, <If>, <Limit>, <Proxy> … */
} h_place;
h_place h_cmd_place(const cmd_parms *cmd);
/** NULL where a directive that routes (it is needed before the file is known) may stand, else a sentence. */
const char *h_cmd_check_routing(const cmd_parms *cmd, bool server_too);
/** NULL where any other directive of a path may stand: server, <Location>, <LocationMatch>; else a sentence. */
const char *h_cmd_check_path(const cmd_parms *cmd);
/** Path of the <Location>, without trailing slash. */
const char *h_cmd_section_path(const cmd_parms *cmd);

/** A number with min ≤ n ≤ max, digits only; with `units` also K, M or G (1024, 1024², 1024³). */
bool h_parse_number(const char *text, bool units, apr_int64_t min, apr_int64_t max, apr_int64_t *out);
/** As the core reads times: 500ms, 20s, 2min; a bare number is seconds. 0 < t ≤ max. */
bool h_parse_time(const char *text, apr_interval_time_t max, apr_interval_time_t *out);
/** The text after "key=", or NULL where `text` begins otherwise. Case of the key does not matter. */
const char *h_parse_key(const char *text, const char *key);
/** An absolute http(s) URI without white space, control characters, quotes or user part. */
bool h_parse_http_uri(apr_pool_t *pool, const char *text, apr_uri_t *out);

typedef struct h_word {
    const char *name;
    unsigned bit;
} h_word_t;
/**
 * Reads words into a set: all plain, which replaces, or all with + or -, which changes. `empty` ("none", "off"; may be NULL) alone
 * is the empty set. A sentence where a word is unknown, with all that are known.
 */
const char *h_parse_set(cmd_parms *cmd, const h_word_t *words, size_t count, const char *empty, int argc,
                        char *const argv[], h_set_t *set);
/** "a, b or c" */
const char *h_words_list(apr_pool_t *pool, const h_word_t *words, size_t count);

/* --- tables that setters and the dump share ------------------------------------------------------ */
/** Services, all seven of the fixed layout; what this build offers is h_services_built. */
extern const h_word_t h_service_words[];
extern const size_t h_service_count;
extern const unsigned h_services_built;
extern const h_word_t h_quality_words[];
extern const size_t h_quality_count;
/** By iiif_chroma. */
extern const char *const h_chroma_names[3];
/** Formats of this build: bit i is iiif_encoders[i]. *count words, of `pool`. */
const h_word_t *h_format_words(apr_pool_t *pool, size_t *count);

#endif
