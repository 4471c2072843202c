/* SPDX-License-Identifier: Apache-2.0 */
#include "h_cmd.h"

/*
 * No directive has an OR_ flag: all touch paths, limits or what leaves the server, which a .htaccess must not.
 * What a path decides may stand on the server too, as the default of its Locations.
 */
#define ANYWHERE (RSRC_CONF | ACCESS_CONF)

#define ARGV(name, function, where, help) AP_INIT_TAKE_ARGV(name, function, NULL, where, help)
#define ONE(name, function, where, help)  AP_INIT_TAKE1(name, function, NULL, where, help)
#define FLAG(name, function, where, help) AP_INIT_FLAG(name, function, NULL, where, help)

const command_rec h_commands[] = {
    ONE(H_NAME_ROOT, h_cmd_root, ANYWHERE, "the folder that holds the masters"),
    ARGV(H_NAME_RESOLVER, h_cmd_resolver, ANYWHERE, "\"fs\" and a folder, or \"template\" and the pattern of a path"),
    ARGV(H_NAME_SERVICE, h_cmd_service, ANYWHERE, "names of services, all plain or all with + or -; or \"off\""),
    ONE(H_NAME_VERSION, h_cmd_version, ANYWHERE, "\"auto\", \"2\" or \"3\""),
    ARGV(H_NAME_IDENTIFIER, h_cmd_identifier, ANYWHERE, "any of max=, extensions=, extension=, slash="),
    FLAG(H_NAME_PAGES, h_cmd_pages, ANYWHERE, "\"On\" where ;N addresses page N of a master, else \"Off\""),
    ONE(H_NAME_BASE_URI, h_cmd_base_uri, ANYWHERE, "the public URI of this section or host, or \"none\""),

    ONE(H_NAME_MAX_WIDTH, h_cmd_max_width, ANYWHERE, "widest image delivered, in pixels, or \"none\""),
    ONE(H_NAME_MAX_HEIGHT, h_cmd_max_height, ANYWHERE, "highest image delivered, in pixels, or \"none\""),
    ONE(H_NAME_MAX_AREA, h_cmd_max_area, ANYWHERE, "most pixels of an image delivered, such as 64M, or \"none\""),
    ONE(H_NAME_UPSCALE, h_cmd_upscale, ANYWHERE, "\"On\", \"Off\", or the largest factor"),
    ONE(H_NAME_MAX_SOURCE_AREA, h_cmd_max_source_area, ANYWHERE, "most pixels of a master, such as 2G, or \"none\""),
    ONE(H_NAME_MEMORY, h_cmd_memory, ANYWHERE, "memory for one image, such as 256M"),
    ONE(H_NAME_TIMEOUT, h_cmd_timeout, ANYWHERE, "time for one image, such as 20s"),

    ARGV(H_NAME_FORMATS, h_cmd_formats, ANYWHERE, "names of formats, all plain or all with + or -"),
    ARGV(H_NAME_QUALITIES, h_cmd_qualities, ANYWHERE, "any of default, color, gray, bitonal"),
    AP_INIT_TAKE12(H_NAME_JPEG_QUALITY, h_cmd_jpeg_quality, NULL, ANYWHERE,
                   "a number from 1 to 100, and subsampling=auto, subsampling=420 or subsampling=444"),
    ONE(H_NAME_PNG_LEVEL, h_cmd_png_level, ANYWHERE, "a number from 0 to 9"),
    ONE(H_NAME_WEBP_QUALITY, h_cmd_webp_quality, ANYWHERE, "a number from 1 to 100"),
    ONE(H_NAME_COLOR, h_cmd_color, ANYWHERE, "\"srgb\" or \"keep\""),
    ONE(H_NAME_BITONAL, h_cmd_bitonal, ANYWHERE, "\"diffusion\", \"threshold\" or \"threshold=N\""),
    ONE(H_NAME_BACKGROUND, h_cmd_background, ANYWHERE, "a colour: white, black or RRGGBB"),

    ONE(H_NAME_ATTRIBUTION, h_cmd_attribution, ANYWHERE, "a text, or \"none\""),
    ONE(H_NAME_RIGHTS, h_cmd_rights, ANYWHERE, "a URI, or \"none\""),
    ONE(H_NAME_LOGO, h_cmd_logo, ANYWHERE, "a URI, or \"none\""),
    ONE(H_NAME_CACHE_CONTROL, h_cmd_cache_control, ANYWHERE, "the value of the header, or \"none\""),
    ARGV(H_NAME_CORS, h_cmd_cors, ANYWHERE, "\"*\", origins such as https://viewer.example.org, or \"off\""),
    FLAG(H_NAME_STRICT, h_cmd_strict, ANYWHERE, "\"On\" to refuse what is not canonical, else \"Off\""),
    ONE(H_NAME_FORWARDED, h_cmd_forwarded, RSRC_CONF, "\"none\", \"x-forwarded\" or \"forwarded\""),
    ARGV(H_NAME_TRUSTED_PROXY, h_cmd_trusted_proxy, RSRC_CONF, "addresses or networks such as 10.0.0.0/8; or \"none\""),

    AP_INIT_TAKE12(H_NAME_RENDER_SLOTS, h_cmd_render_slots, NULL, RSRC_CONF,
                   "how many images are made at once, and reserve=N of them for small ones"),
    ARGV(H_NAME_QUEUE, h_cmd_queue, RSRC_CONF, "any of waiters=N, timeout=TIME, retry-after=TIME"),
    ONE(H_NAME_FACTS_CACHE, h_cmd_facts_cache, RSRC_CONF, "a socache such as shmcb:2M, or \"none\""),
    ONE(H_NAME_PIXEL_CACHE, h_cmd_pixel_cache, RSRC_CONF, "a number of bytes such as 256M, or \"off\""),
    { NULL }
};
