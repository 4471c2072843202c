/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Configuration of mod_iiif: what the directives leave behind. Directives are read and checked in h_cmd.c; created,
 * merged and given their defaults in h_conf.c. Request code asks the h_conf_* getters, which know the defaults, and
 * never reads a field that may be unset.
 */
#ifndef H_CONF_H
#define H_CONF_H

#include <apr_network_io.h>
#include <apr_optional.h>
#include <apr_tables.h>
#include <apr_uri.h>
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <ap_mpm.h>
#include <scoreboard.h>

#include "../codec/iiif_render.h"
#include "../core/iiif_plan.h"
#include "../svc/svc_gate.h"
#include "../svc/svc_pixels.h"
#include "../svc/svc_resolve.h"

extern module AP_MODULE_DECLARE_DATA iiif_module;

/** Unset: the value that no directive can give. */
#define H_UNSET (-1)

/** The services of the fixed URL layout that a Location offers (IIIFService). */
typedef enum h_service {
    H_SERVICE_IMAGE        = 0x01,
    H_SERVICE_PRESENTATION = 0x02,
    H_SERVICE_VIEWER       = 0x04,
    H_SERVICE_ANNOTATIONS  = 0x08,
    H_SERVICE_SEARCH       = 0x10,
    H_SERVICE_DISCOVERY    = 0x20,
    H_SERVICE_AUTH         = 0x40
} h_service;

/** A set that directives give absolutely or by +x -x, as Options does. */
typedef struct h_set {
    bool absolute;        /**< `value` holds; what an enclosing section said does not count */
    unsigned value;       /**< absolute */
    unsigned add, remove; /**< relative to the enclosing section, or to the default */
} h_set_t;

/** API version of a Location (IIIFVersion). */
enum { H_VERSION_AUTO = 0 }; /* else 2 or 3; H_UNSET is auto too */

typedef struct h_dir {
    const char *prefix;          /**< path of the section where IIIFRoot or IIIFResolver stands, without trailing slash; NULL: no service here */
    const svc_resolver_t *resolver;
    void *resolver_config;
    int resolver_argc;
    const char *const *resolver_argv;
    bool resolver_from_root;     /**< by IIIFRoot, which also sets the default services */
    h_set_t services;            /**< of h_service */
    int version;
    apr_off_t identifier_max;
    int identifier_stems;        /**< extension=none */
    int identifier_slash_literal;/**< slash=literal */
    const apr_array_header_t *identifier_extensions; /**< NULL unset */
    int pages;
    h_set_t formats;             /**< bit i: iiif_encoders[i] */
    int qualities;               /**< iiif_quality bits */
    apr_off_t max_width, max_height, max_area;   /**< 0 none */
    double upscale;              /**< < 0 unset, 0 off, 1 on (as far as limits allow), > 1 factor */
    apr_off_t max_source_area;
    apr_off_t memory;
    apr_interval_time_t timeout;
    int jpeg_quality, png_level, webp_quality;
    int jpeg_chroma;             /**< iiif_chroma */
    int color;                   /**< iiif_color_mode */
    int bitonal;                 /**< iiif_bitonal */
    int threshold;
    int background;              /**< 0xRRGGBB */
    const char *attribution, *rights, *logo; /**< NULL unset, "" none */
    const char *cache_control;   /**< NULL unset, "" send none */
    const apr_array_header_t *cors;  /**< const char * origins; NULL unset; empty: off; "*": any */
    const char *base_uri;        /**< IIIFBaseURI in a section: public URI of `prefix`, without trailing slash; "" none; NULL unset */
    const char *base_uri_section;/**< path of the section that base_uri is of; merging leads it on to `prefix` */
    int strict;
} h_dir_t;

typedef struct h_srv {
    const char *base_uri;        /**< IIIFBaseURI outside of a section, without trailing slash: the public URI of this host's `/` */
    int forwarded;               /**< H_FORWARDED_…; H_UNSET */
    const apr_array_header_t *trusted_proxies; /**< apr_ipsubnet_t *; NULL unset */
    const apr_array_header_t *trusted_texts;   /**< const char *: the same as they were written */
    bool trusted_proxies_reset;  /**< `none` was said: what the main server trusts does not count */
    /* global only: those of the main server count */
    int render_slots, render_reserve;
    int queue_waiters;
    apr_interval_time_t queue_timeout, queue_retry_after;
    const char *facts_cache;     /**< socache specification; NULL unset; "none" */
    apr_int64_t pixel_cache;     /**< bytes; 0 off */
} h_srv_t;

enum { H_FORWARDED_NONE = 0, H_FORWARDED_X = 1, H_FORWARDED_RFC7239 = 2 };

/* --- h_cmd.c, h_conf.c: what mod_iiif.c hangs into the module record and the hooks --------------- */
extern const command_rec h_commands[];
void *h_dir_create(apr_pool_t *pool, char *path);
void *h_dir_merge(apr_pool_t *pool, void *base, void *add);
void *h_srv_create(apr_pool_t *pool, server_rec *server);
void *h_srv_merge(apr_pool_t *pool, void *base, void *add);
/** Cross-directive checks that `apachectl configtest` must report (check_config hook). */
int h_conf_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *server);
/** `httpd -t -DDUMP_IIIF`: features of the build and the merged configuration of each Location (test_config hook). */
void h_conf_dump(apr_pool_t *pool, server_rec *server);

/* --- getters with the defaults ------------------------------------------------------------------ */
/** The Location's configuration for this request, or NULL where no service is configured. */
const h_dir_t *h_conf_dir(request_rec *r);
const h_srv_t *h_conf_srv(server_rec *server);
unsigned h_conf_services(const h_dir_t *dir);
int h_conf_version(const h_dir_t *dir);                      /**< H_VERSION_AUTO, 2 or 3 */
void h_conf_identifier(const h_dir_t *dir, svc_identifier_policy_t *policy);
bool h_conf_slash_literal(const h_dir_t *dir);
void h_conf_limits(const h_dir_t *dir, iiif_limits_t *limits);
void h_conf_output(const h_dir_t *dir, iiif_output_t *output);
bool h_conf_format(const h_dir_t *dir, const iiif_encoder_t *encoder);   /**< is it served here? */
/** NULL-terminated format tokens served here, in table order. */
const char *const *h_conf_formats(const h_dir_t *dir, apr_pool_t *pool);
apr_interval_time_t h_conf_timeout(const h_dir_t *dir);
const char *h_conf_cache_control(const h_dir_t *dir);        /**< default "public, max-age=86400"; "" none */
/** Where CORS is on: the value of Access-Control-Allow-Origin for this Origin (may be NULL); else NULL. */
const char *h_conf_cors(const h_dir_t *dir, const char *origin, bool *vary);
bool h_conf_strict(const h_dir_t *dir);
/** What the gate is made of: IIIFRenderSlots, IIIFQueue; of the main server. */
void h_conf_gate(const h_srv_t *srv, svc_gate_options_t *options);
unsigned h_conf_retry_after(const h_srv_t *srv);             /**< seconds, ≥ 1 */
uint64_t h_conf_pixel_cache(const h_srv_t *srv);             /**< bytes; 0 off */
int h_conf_forwarded(const h_srv_t *srv);                    /**< H_FORWARDED_… */
/** Whether the peer of the connection (c->client_addr) may tell by header what the client asked (IIIFTrustedProxy). */
bool h_conf_trusts(const h_srv_t *srv, apr_sockaddr_t *peer);
const char *h_conf_attribution(const h_dir_t *dir);          /**< NULL where there is none; likewise the next two */
const char *h_conf_rights(const h_dir_t *dir);
const char *h_conf_logo(const h_dir_t *dir);

/* --- h_life.c: what lives as long as the server or a child --------------------------------------- */
int h_life_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp);
int h_life_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *server);
void h_life_child_init(apr_pool_t *pchild, server_rec *server);
void h_life_child_status(server_rec *server, pid_t pid, ap_generation_t generation, int slot,
                         mpm_child_status state);
int h_life_status(request_rec *r, int flags);                /**< mod_status section */
svc_gate_t *h_life_gate(void);
svc_pixels_t *h_life_pixels(void);                           /**< NULL where there is none */
struct svc_facts *h_life_facts(void);
const struct svc_facts_shared *h_life_facts_shared(void);    /**< NULL where there is none */
unsigned h_life_retry_after(void);                           /**< seconds */
unsigned h_life_slots(void);

#endif
