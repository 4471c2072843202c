/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "../../lib/core/iiif_hash.h"
#include "../../lib/svc/svc_beneath.h"
#include "../../lib/svc/svc_resolve.h"

static apr_pool_t *pool;
static char top[256];      /* holds "root" and what lies beside it */
static const char *root;

static const char *below(const char *name)
{
    return apr_pstrcat(pool, root, "/", name, NULL);
}

static void make_dir(const char *path)
{
    assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    if (apr_pool_create(&pool, NULL) != APR_SUCCESS)
        return 1;
    (void)snprintf(top, sizeof(top), "%s/iiif-resolve-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(top) == NULL)
        return 1;
    root = apr_pstrcat(pool, top, "/root", NULL);
    make_dir(root);
    make_dir(below("book1"));
    make_dir(below("book1/deep"));
    write_file(below("book1/p001.jp2"), "one");
    write_file(below("book1/p002.jp2"), "two");
    write_file(below("book1/p002.tif"), "two more");
    write_file(below("book1/P003.TIF"), "three");
    write_file(below("book1/p004"), "four");
    write_file(below("book1/p001.jp2.iiif.json"), "{}");
    write_file(below("book1/_cover.jp2"), "cover");
    write_file(below("book1/.hidden.jp2"), "hidden");
    write_file(below("book1/ä b;3.png"), "name");
    write_file(below("book1/deep/x.y.tif"), "dots");
    write_file(below("book1.jp2"), "beside the folder");
    write_file(apr_pstrcat(pool, top, "/secret.jp2", NULL), "secret");
    if (mkfifo(below("pipe.jp2"), 0644) != 0 || symlink("../secret.jp2", below("out.jp2")) != 0
        || symlink("book1/p001.jp2", below("in.jp2")) != 0 || symlink("book1", below("alias")) != 0
        || symlink(top, below("up")) != 0 || symlink(below("book1/p001.jp2"), below("absolute.jp2")) != 0
        || symlink("loop.jp2", below("loop.jp2")) != 0 || symlink("nowhere", below("dangling.jp2")) != 0)
        return 1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (system(apr_pstrcat(pool, "rm -rf '", top, "'", NULL)) != 0)
        return 1;
    apr_pool_destroy(pool);
    return 0;
}

/* --- helpers -------------------------------------------------------------------------------------- */

static const svc_identifier_policy_t usual = { 1024, NULL, false, false };
static const svc_identifier_policy_t stems = { 1024, NULL, true, false };
static const svc_identifier_policy_t pages = { 1024, NULL, false, true };

static void *config_of(const char *resolver, const char *argument)
{
    const char *argv[] = { argument, NULL };
    void *config = NULL;

    assert_null(svc_resolver_find(resolver)->configure(pool, 1, argv, &config));
    return config;
}

static iiif_rc ask(const char *identifier, const svc_identifier_policy_t *policy, svc_source_t *source, iiif_err_t *err)
{
    return svc_resolver_find("fs")->resolve(config_of("fs", root), iiif_slice(identifier), policy, pool, source, err);
}

static void finds(const char *identifier, const svc_identifier_policy_t *policy, const char *file)
{
    svc_source_t source;
    iiif_err_t err = { IIIF_OK, 0, "" };
    struct stat st;

    if (ask(identifier, policy, &source, &err) != IIIF_OK)
        fail_msg("%s: %s", identifier, err.detail);
    assert_null(source.redirect);
    assert_string_equal(source.path, below(file));
    assert_int_equal(stat(source.path, &st), 0);
    assert_int_equal(source.size, st.st_size);
    assert_int_equal(source.inode, st.st_ino);
    assert_int_equal(source.device, st.st_dev);
    assert_true(source.mtime_us == (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000);
}

static void misses(const char *identifier, const svc_identifier_policy_t *policy)
{
    svc_source_t source;
    iiif_err_t err = { IIIF_OK, 0, "" };
    iiif_rc rc = ask(identifier, policy, &source, &err);

    if (rc != IIIF_E_NOT_FOUND)
        fail_msg("\"%s\" gave %d", identifier, (int)rc);
    assert_null(strstr(err.detail, top));
    assert_null(strchr(err.detail, '/'));
}

static void redirects(const char *identifier, const svc_identifier_policy_t *policy, const char *to)
{
    svc_source_t source;
    iiif_err_t err = { IIIF_OK, 0, "" };

    if (ask(identifier, policy, &source, &err) != IIIF_OK)
        fail_msg("%s: %s", identifier, err.detail);
    assert_non_null(source.redirect);
    assert_string_equal(source.redirect, to);
    assert_null(source.path);
}

/* --- names below a folder ------------------------------------------------------------------------- */

static void an_identifier_is_the_path_with_its_extension(void **state)
{
    (void)state;
    finds("book1/p001.jp2", &usual, "book1/p001.jp2");
    finds("book1.jp2", &usual, "book1.jp2");
    finds("book1/ä b;3.png", &usual, "book1/ä b;3.png");
    finds("book1/p004", &usual, "book1/p004");
    finds("book1/deep/x.y.tif", &usual, "book1/deep/x.y.tif");
    misses("book1/p001.tif", &usual);
    misses("book1/p001.JP2", &usual);
    misses("book2/p001.jp2", &usual);
}

static void without_extension_one_master_redirects_and_several_say_so(void **state)
{
    svc_source_t source;
    iiif_err_t err;

    (void)state;
    redirects("book1/p001", &usual, "book1/p001.jp2");
    redirects("book1/P003", &usual, "book1/P003.TIF");
    redirects("book1/deep/x.y", &usual, "book1/deep/x.y.tif");
    redirects("book1", &usual, "book1.jp2");
    misses("book1/p00", &usual);
    assert_int_equal(ask("book1/p002", &usual, &source, &err), IIIF_E_NOT_FOUND);
    assert_int_equal(err.id, 5011);
    assert_non_null(strstr(err.detail, "more than one master"));
    assert_non_null(strstr(err.detail, "jp2, tif"));
}

static void names_that_lead_elsewhere_are_not_there(void **state)
{
    static const char *const names[] = {
        "", ".", "..", "/", "//", "book1/", "/book1/p001.jp2", "book1//p001.jp2", "./book1.jp2", "book1/./p001.jp2",
        "../secret.jp2", "book1/../../secret.jp2", "book1/../book1.jp2", "book1/deep/..", "book1\\p001.jp2", "..\\secret.jp2",
        "book1/p001.jp2\n", "book1/\x01", "book1/\x7fp", "book1/.hidden.jp2", "book1/_cover.jp2", "book1/_cover",
        "book1/p001.jp2.iiif.json", "book1/p001.jp2.IIIF.JSON", "/etc/passwd", "book1/p001.jp2/", "book1/p001.jp2/x",
        "book1/p001.jp2/info", "...", "book1/...",
    };

    (void)state;
    for (size_t i = 0; i < IIIF_COUNT(names); i++) {
        misses(names[i], &usual);
        misses(names[i], &stems);
    }
}

static void what_is_no_file_is_not_there_and_blocks_nothing(void **state)
{
    (void)state;
    misses("book1/deep", &usual);
    misses("pipe.jp2", &usual);
    misses("pipe", &stems);
}

static void links_may_stay_below_the_root_and_never_lead_out(void **state)
{
    (void)state;
    finds("in.jp2", &usual, "in.jp2");
    finds("alias/p001.jp2", &usual, "alias/p001.jp2");
    redirects("alias/p001", &usual, "alias/p001.jp2");
    finds("in", &stems, "in.jp2");
    misses("out.jp2", &usual);
    misses("out", &usual);
    misses("out", &stems);
    misses("up/secret.jp2", &usual);
    misses("up/root/book1.jp2", &usual);
    misses("absolute.jp2", &usual);
    misses("loop.jp2", &usual);
    misses("dangling.jp2", &usual);
}

static void long_names_are_not_there(void **state)
{
    svc_identifier_policy_t tight = { 14, NULL, false, false };
    char *name = apr_palloc(pool, 5001);

    (void)state;
    memset(name, 'a', 5000);
    name[5000] = '\0';
    misses(name + 5000 - 300, &usual);
    for (size_t i = 1; i < 5000; i += 2)
        name[i] = '/';
    misses(name, &(svc_identifier_policy_t) { 8000, NULL, false, false });
    finds("book1/p001.jp2", &tight, "book1/p001.jp2");
    tight.max = 13;
    misses("book1/p001.jp2", &tight);
}

static void stems_are_published_where_asked(void **state)
{
    svc_source_t source;
    iiif_err_t err;

    (void)state;
    finds("book1/p001", &stems, "book1/p001.jp2");
    finds("book1/P003", &stems, "book1/P003.TIF");
    finds("book1/p004", &stems, "book1/p004");
    finds("book1", &stems, "book1.jp2");
    redirects("book1/p001.jp2", &stems, "book1/p001");
    assert_int_equal(ask("book1/p002", &stems, &source, &err), IIIF_E_NOT_FOUND);
    assert_int_equal(err.id, 5012);
    assert_int_equal(ask("book1/p002.jp2", &stems, &source, &err), IIIF_E_NOT_FOUND);
    assert_int_equal(err.id, 5012);
    misses("book1/p009", &stems);
    assert_int_equal(ask("book1/p001", &stems, &source, &err), IIIF_OK);
    assert_string_equal(source.identifier, "book1/p001");
}

static void extensions_can_be_narrowed(void **state)
{
    svc_identifier_policy_t policy = { 1024, NULL, false, false };
    apr_array_header_t *list = apr_array_make(pool, 1, sizeof(const char *));

    (void)state;
    APR_ARRAY_PUSH(list, const char *) = "tif";
    policy.extensions = list;
    finds("book1/p002.tif", &policy, "book1/p002.tif");
    finds("book1/P003.TIF", &policy, "book1/P003.TIF");
    misses("book1/p002.jp2", &policy);
    misses("book1/p004", &policy);
    redirects("book1/p002", &policy, "book1/p002.tif");
    policy.stems = true;
    finds("book1/p002", &policy, "book1/p002.tif");
    misses("book1/p001", &policy);
}

static void a_page_follows_the_semicolon(void **state)
{
    svc_identifier_policy_t both = { 1024, NULL, true, true };
    svc_source_t source;

    (void)state;
    assert_int_equal(ask("book1/p002.tif;12", &pages, &source, NULL), IIIF_OK);
    assert_int_equal(source.page, 12);
    assert_string_equal(source.identifier, "book1/p002.tif");
    assert_int_equal(ask("book1/p002.tif", &pages, &source, NULL), IIIF_OK);
    assert_int_equal(source.page, 0);
    assert_int_equal(ask("book1/p001;3", &both, &source, NULL), IIIF_OK);
    assert_int_equal(source.page, 3);
    redirects("book1/p001;3", &pages, "book1/p001.jp2;3");
    misses("book1/p002.tif;0", &pages);
    misses("book1/p002.tif;01", &pages);
    misses("book1/p002.tif;-1", &pages);
    misses("book1/p002.tif;", &pages);
    misses("book1/p002.tif;1234567", &pages);
    misses("book1/p002.tif;1;2", &pages);
    misses("book1/p002.tif;12", &usual);
}

static void an_unreadable_folder_is_forbidden(void **state)
{
    bool is_root = geteuid() == 0;
    svc_source_t source;
    iiif_err_t err;

    (void)state;
    assert_int_equal(chmod(below("book1/deep"), 0), 0);
    /* Root may read everything: ask as somebody who may not. */
    if (is_root) {
        assert_int_equal(chmod(top, 0755), 0);
        assert_int_equal(seteuid(65534), 0);
    }
    assert_int_equal(ask("book1/deep/x.y.tif", &usual, &source, &err), IIIF_E_FORBIDDEN);
    assert_null(strchr(err.detail, '/'));
    assert_true(!is_root || seteuid(0) == 0);
    assert_int_equal(chmod(below("book1/deep"), 0755), 0);
}

/* --- opening -------------------------------------------------------------------------------------- */

static iiif_rc open_it(const char *identifier, const char *suffix, int *fd, svc_source_t *source, iiif_err_t *err)
{
    assert_int_equal(ask(identifier, &usual, source, NULL), IIIF_OK);
    return svc_resolver_find("fs")->open(config_of("fs", root), source, suffix, fd, err);
}

static void assert_reads(int fd, const char *text)
{
    char buffer[64];
    ssize_t n = read(fd, buffer, sizeof(buffer));

    assert_int_equal(n, strlen(text));
    assert_memory_equal(buffer, text, strlen(text));
    assert_int_equal(close(fd), 0);
}

static void a_master_and_its_sidecar_open(void **state)
{
    svc_source_t source;
    int fd;

    (void)state;
    assert_int_equal(open_it("book1/p001.jp2", NULL, &fd, &source, NULL), IIIF_OK);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_reads(fd, "one");
    assert_int_equal(open_it("book1/p001.jp2", ".iiif.json", &fd, &source, NULL), IIIF_OK);
    assert_reads(fd, "{}");
    assert_int_equal(open_it("book1/p002.tif", ".iiif.json", &fd, &source, NULL), IIIF_OK);
    assert_int_equal(fd, -1);
}

static void a_master_replaced_since_is_not_opened(void **state)
{
    svc_source_t source;
    iiif_err_t err;
    int fd = 0;

    (void)state;
    write_file(below("moving.jp2"), "before");
    assert_int_equal(ask("moving.jp2", &usual, &source, NULL), IIIF_OK);
    write_file(below("moving.new"), "after");
    assert_int_equal(rename(below("moving.new"), below("moving.jp2")), 0);
    assert_int_equal(svc_resolver_find("fs")->open(config_of("fs", root), &source, NULL, &fd, &err), IIIF_E_IO);
    assert_int_equal(err.id, 5015);
    assert_int_equal(fd, -1);
    assert_int_equal(unlink(below("moving.jp2")), 0);
    assert_int_equal(svc_resolver_find("fs")->open(config_of("fs", root), &source, NULL, &fd, &err), IIIF_E_NOT_FOUND);
    assert_int_equal(symlink("../secret.jp2", below("moving.jp2")), 0);
    assert_int_equal(svc_resolver_find("fs")->open(config_of("fs", root), &source, NULL, &fd, &err), IIIF_E_NOT_FOUND);
    assert_int_equal(unlink(below("moving.jp2")), 0);
    assert_int_equal(mkfifo(below("moving.jp2"), 0644), 0);
    assert_int_equal(svc_resolver_find("fs")->open(config_of("fs", root), &source, NULL, &fd, &err), IIIF_E_IO);
    assert_int_equal(unlink(below("moving.jp2")), 0);
}

static void a_source_of_another_root_is_not_opened(void **state)
{
    svc_source_t source = { .path = "/etc/passwd" };
    iiif_err_t err;
    int fd;

    (void)state;
    assert_int_equal(svc_resolver_find("fs")->open(config_of("fs", root), &source, NULL, &fd, &err), IIIF_E_INTERNAL);
    assert_int_equal(fd, -1);
}

/* --- template ------------------------------------------------------------------------------------- */

static iiif_rc ask_template(const char *pattern, const char *identifier, svc_source_t *source, iiif_err_t *err)
{
    void *config = config_of("template", below(pattern));

    return svc_resolver_find("template")->resolve(config, iiif_slice(identifier), &usual, pool, source, err);
}

static void expands(const char *pattern, const char *identifier, const char *file)
{
    svc_source_t source;
    iiif_err_t err = { IIIF_OK, 0, "" };

    if (ask_template(pattern, identifier, &source, &err) != IIIF_OK)
        fail_msg("%s of %s: %s", pattern, identifier, err.detail);
    assert_string_equal(source.path, below(file));
    assert_string_equal(source.identifier, identifier);
}

static void not_expands(const char *pattern, const char *identifier)
{
    svc_source_t source;
    iiif_rc rc = ask_template(pattern, identifier, &source, NULL);

    if (rc != IIIF_E_NOT_FOUND)
        fail_msg("%s of \"%s\" gave %d", pattern, identifier, (int)rc);
}

static void a_pattern_makes_the_path(void **state)
{
    (void)state;
    expands("{identifier}.jp2", "book1/p001", "book1/p001.jp2");
    expands("book1/{identifier}.jp2", "p001", "book1/p001.jp2");
    expands("book1/p{identifier}.jp2", "001", "book1/p001.jp2");
    expands("{dir}/{stem}.tif", "book1/p002.jp2", "book1/p002.tif");
    expands("{dir}/{name}", "book1/p002.jp2", "book1/p002.jp2");
    expands("{dir}/{stem}.jp2", "book1.x", "book1.jp2");
    expands("{identifier:5}/{identifier:5,4}.jp2", "book1p001", "book1/p001.jp2");
}

static void a_pattern_can_spread_by_hash(void **state)
{
    uint8_t digest[IIIF_HASH_BYTES];
    char hex[2 * IIIF_HASH_BYTES + 1];
    iiif_hash_t hash;

    (void)state;
    iiif_hash_init(&hash);
    iiif_hash_add(&hash, "https://example.org/1", strlen("https://example.org/1"));
    iiif_hash_end(&hash, digest);
    iiif_hash_hex(digest, IIIF_HASH_BYTES, hex);
    make_dir(below("store"));
    make_dir(below(apr_psprintf(pool, "store/%.2s", hex)));
    make_dir(below(apr_psprintf(pool, "store/%.2s/%.2s", hex, hex + 2)));
    write_file(below(apr_psprintf(pool, "store/%.2s/%.2s/%s.tif", hex, hex + 2, hex)), "stored");
    expands("store/{hash:2}/{hash:2,2}/{hash}.tif", "https://example.org/1",
            apr_psprintf(pool, "store/%.2s/%.2s/%s.tif", hex, hex + 2, hex));
    not_expands("store/{hash:2}/{hash:2,2}/{hash}.tif", "https://example.org/2");
}

static void a_cut_keeps_characters_whole(void **state)
{
    (void)state;
    make_dir(below("äö"));
    write_file(below("äö/ü.tif"), "umlauts");
    expands("{identifier:2}/{identifier:2,1}.tif", "äöü", "äö/ü.tif");
    not_expands("{identifier:2}/{identifier:2,1}.tif", "äö");
}

static void a_pattern_does_not_lead_out(void **state)
{
    (void)state;
    not_expands("{identifier}", "../secret.jp2");
    not_expands("book1/{identifier}", "../book1.jp2");
    not_expands("{dir}/{name}", "book1/../book1.jp2");
    not_expands("{identifier}", "out.jp2");
    not_expands("{identifier}", "up/secret.jp2");
    not_expands("{identifier:2}/secret.jp2", "..x");
    not_expands("{identifier:1}{identifier:3,1}/secret.jp2", ".ab.");
    not_expands("{identifier}", "book1/_cover.jp2");
    not_expands("{identifier}", "book1");
    not_expands("{identifier}", "pipe.jp2");
    not_expands("{identifier}", "");
}

/* --- configuration -------------------------------------------------------------------------------- */

static void refused(const char *resolver, const char *argument, const char *says)
{
    const char *argv[] = { argument, NULL };
    void *config;
    const char *sentence = svc_resolver_find(resolver)->configure(pool, argument != NULL, argv, &config);

    if (sentence == NULL || strstr(sentence, says) == NULL)
        fail_msg("%s %s: %s", resolver, argument, sentence);
}

static void wrong_arguments_get_a_sentence(void **state)
{
    (void)state;
    assert_null(svc_resolver_find("dbd"));
    refused("fs", NULL, "one argument");
    refused("fs", below("nowhere"), "does not exist");
    refused("fs", below("book1.jp2"), "not a folder");
    refused("fs", "relative", "not an absolute path");
    refused("fs", "/", "whole machine");
    refused("fs", "///", "whole machine");
    refused("template", NULL, "one argument");
    refused("template", below("{id}"), "{id}");
    refused("template", below("{hash:0}"), "{hash:0}");
    refused("template", below("{hash:2,0}"), "{hash:2,0}");
    refused("template", below("{hash:99999}"), "{hash:99999}");
    refused("template", below("{hash:}"), "{hash:}");
    refused("template", below("{hash"), "{hash");
    refused("template", below("a}{hash}"), "}");
    refused("template", below("x"), "no pattern");
    refused("template", "{identifier}", "no pattern");
    refused("template", "/{identifier}", "whole machine");
    refused("template", below("nowhere/{identifier}"), "does not exist");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_identifier_is_the_path_with_its_extension),
        cmocka_unit_test(without_extension_one_master_redirects_and_several_say_so),
        cmocka_unit_test(names_that_lead_elsewhere_are_not_there),
        cmocka_unit_test(what_is_no_file_is_not_there_and_blocks_nothing),
        cmocka_unit_test(links_may_stay_below_the_root_and_never_lead_out),
        cmocka_unit_test(long_names_are_not_there),
        cmocka_unit_test(stems_are_published_where_asked),
        cmocka_unit_test(extensions_can_be_narrowed),
        cmocka_unit_test(a_page_follows_the_semicolon),
        cmocka_unit_test(an_unreadable_folder_is_forbidden),
        cmocka_unit_test(a_master_and_its_sidecar_open),
        cmocka_unit_test(a_master_replaced_since_is_not_opened),
        cmocka_unit_test(a_source_of_another_root_is_not_opened),
        cmocka_unit_test(a_pattern_makes_the_path),
        cmocka_unit_test(a_pattern_can_spread_by_hash),
        cmocka_unit_test(a_cut_keeps_characters_whole),
        cmocka_unit_test(a_pattern_does_not_lead_out),
        cmocka_unit_test(wrong_arguments_get_a_sentence),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, setup, teardown);
    apr_terminate();
    return failed;
}
