# Build of mod_iiif: make -f apxs.mk [TARGET] [APXS=…] [CC=…] [BUILD=build] [DESTDIR=…] [WITH_TIFF=no …] [V=1]
# Everything generated lies below $(BUILD).

APXS   ?= $(firstword $(shell command -v apxs apxs2 2>/dev/null) apxs)
BUILD  ?= build
PKGCONFIG ?= pkg-config
OPT    ?= -O2 -g

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# --- targets that need no compiler yet ---------------------------------------------------------
NO_PROBE := clean deps deps-demo deps-test deps-bench viewers demo-stop
ifeq ($(filter-out $(NO_PROBE),$(or $(MAKECMDGOALS),all)),)
PROBE := no
endif
# `demo` and `check` install what is missing first, then call make again; stages call it too.
ifneq ($(filter demo check bench guards unit asan pixel itest prefork asan_httpd browser,$(MAKECMDGOALS)),)
PROBE := no
endif

ifneq ($(PROBE),no)
APXS_Q     = $(shell $(APXS) -q $(1) 2>/dev/null)
ifeq ($(origin CC),default)
CC        := $(or $(call APXS_Q,CC),cc)
endif
INCLUDEDIR := $(call APXS_Q,INCLUDEDIR)
LIBEXECDIR ?= $(call APXS_Q,LIBEXECDIR)
HTTPD_CFLAGS := $(call APXS_Q,CFLAGS) $(call APXS_Q,EXTRA_CPPFLAGS) $(call APXS_Q,EXTRA_CFLAGS)
APR_CONFIG ?= $(or $(call APXS_Q,APR_CONFIG),$(firstword $(shell command -v apr-1-config apr-config)))
APU_CONFIG ?= $(or $(call APXS_Q,APU_CONFIG),$(firstword $(shell command -v apu-1-config apu-config)))
APR_CFLAGS := $(shell $(APR_CONFIG) --includes --cppflags 2>/dev/null) $(shell $(APU_CONFIG) --includes 2>/dev/null)
APR_LIBS   := $(shell $(APR_CONFIG) --link-ld --libs 2>/dev/null) $(shell $(APU_CONFIG) --link-ld --libs 2>/dev/null)

# --- features -----------------------------------------------------------------------------------
# Required: without jpg and png there is no level 2 (Image 3.0 compliance).
REQUIRED := libopenjp2 libjpeg libpng zlib jansson
MISSING  := $(foreach p,$(REQUIRED),$(if $(shell $(PKGCONFIG) --exists $(p) 2>/dev/null && echo y),,$(p)))
ifneq ($(strip $(MISSING)),)
$(error Missing: $(MISSING). On Debian: apt-get install libopenjp2-7-dev libjpeg62-turbo-dev libpng-dev zlib1g-dev libjansson-dev pkg-config, or `make -f apxs.mk deps` as root)
endif
ifeq ($(INCLUDEDIR),)
$(error Missing: apxs. On Debian: apt-get install apache2-dev, or `make -f apxs.mk deps` as root)
endif

has = $(if $(filter no,$(WITH_$(1))),,$(shell $(PKGCONFIG) --exists '$(2)' 2>/dev/null && echo $(1)))
FEATURES := $(strip $(call has,TIFF,libtiff-4 >= 4.5) $(call has,WEBP,libwebp) \
                    $(if $(filter no,$(WITH_GIF)),,$(shell echo '\#include <gif_lib.h>' | $(CC) -E -x c -include stdio.h - >/dev/null 2>&1 && echo GIF)) \
                    $(call has,LCMS2,lcms2))
FEATURE_TIFF_PKG := libtiff-4
FEATURE_WEBP_PKG := libwebp
FEATURE_LCMS2_PKG := lcms2
PKGS := $(REQUIRED) $(foreach f,$(FEATURES),$(FEATURE_$(f)_PKG))
PKG_CFLAGS := $(shell $(PKGCONFIG) --cflags $(PKGS))
PKG_LIBS   := $(shell $(PKGCONFIG) --libs $(PKGS)) $(if $(filter GIF,$(FEATURES)),-lgif)
endif

# --- sources ------------------------------------------------------------------------------------
OFF = $(if $(filter $(1),$(FEATURES)),,$(2))
SKIP := $(call OFF,TIFF,lib/codec/dec_tiff% lib/codec/enc_tiff% lib/codec/tiff_%) \
        $(call OFF,WEBP,lib/codec/dec_webp% lib/codec/enc_webp%) \
        $(call OFF,GIF,lib/codec/dec_gif% lib/codec/enc_gif% lib/codec/quantize%)
PLAIN_SRC := $(filter-out $(SKIP),$(wildcard lib/core/*.c lib/codec/*.c lib/api/*.c))
SVC_SRC   := $(wildcard lib/svc/*.c)
HTTPD_SRC := mod_iiif.c $(wildcard lib/httpd/*.c)
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wvla -Wformat=2
ifneq ($(WERROR),)
WARN += -Werror
endif
BASE_CFLAGS = -std=gnu11 $(OPT) -fPIC -fvisibility=hidden -fstack-protector-strong -fstack-clash-protection \
              $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all,-D_FORTIFY_SOURCE=2) \
              -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I$(BUILD) -MMD -MP
PLAIN_CFLAGS = $(BASE_CFLAGS) $(WARN) -Wconversion $(PKG_CFLAGS) $(CFLAGS)
SVC_CFLAGS   = $(BASE_CFLAGS) $(WARN) -Wno-unused-parameter $(APR_CFLAGS) $(PKG_CFLAGS) $(CFLAGS)
GLUE_CFLAGS  = $(BASE_CFLAGS) $(HTTPD_CFLAGS) $(WARN) -Wno-unused-parameter -Wno-missing-field-initializers -Wno-null-pointer-subtraction -I$(INCLUDEDIR) $(APR_CFLAGS) $(PKG_CFLAGS) $(CFLAGS)
LINK_FLAGS   = -Wl,-z,relro,-z,now,-z,nodelete,--as-needed,-Bsymbolic-functions $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

TOOLS := $(patsubst lib/cli/iiif_%.c,$(BUILD)/iiif-%,$(wildcard lib/cli/iiif_*.c))

all: features $(BUILD)/mod_iiif.so $(TOOLS)

features: $(BUILD)/iiif_features.h
	@echo "features: JP2 JPEG PNG $(FEATURES)"

# Written anew only when it differs, so that a switched feature rebuilds and nothing else does.
$(BUILD)/iiif_features.h: FORCE
	@mkdir -p $(BUILD)
	@{ echo '/* Generated: what this build holds. */'; \
	   for f in TIFF WEBP GIF LCMS2; do \
	     case " $(FEATURES) " in *" $$f "*) echo "#define IIIF_HAVE_$$f 1";; *) echo "#define IIIF_HAVE_$$f 0";; esac; \
	   done; } > $@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:

$(BUILD)/mod_iiif.so: $(call obj,$(HTTPD_SRC) $(SVC_SRC)) $(BUILD)/libiiif.a
	$(call say,LINK,$@)
	$(Q)$(CC) -shared -o $@ $(call obj,$(HTTPD_SRC) $(SVC_SRC)) -Wl,--whole-archive $(BUILD)/libiiif.a -Wl,--no-whole-archive $(LINK_FLAGS) $(PKG_LIBS) -lm

$(BUILD)/libiiif.a: $(call obj,$(PLAIN_SRC))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/libsvc.a: $(call obj,$(SVC_SRC))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(call obj,$(PLAIN_SRC) $(wildcard lib/cli/*.c)): $(BUILD)/obj/%.o: %.c $(BUILD)/iiif_features.h
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(PLAIN_CFLAGS) -c $< -o $@

$(call obj,$(SVC_SRC)): $(BUILD)/obj/%.o: %.c $(BUILD)/iiif_features.h
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(SVC_CFLAGS) -c $< -o $@

$(call obj,$(HTTPD_SRC)): $(BUILD)/obj/%.o: %.c $(BUILD)/iiif_features.h
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(GLUE_CFLAGS) -c $< -o $@

# No APR and no httpd on this link line: the layers below svc prove that they need neither.
$(BUILD)/iiif-%: $(BUILD)/obj/lib/cli/iiif_%.o $(BUILD)/libiiif.a
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^ $(LINK_FLAGS) $(PKG_LIBS) -lm

# --- unit tests -----------------------------------------------------------------------------------
UNIT_PLAIN := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(filter-out tests/unit/test_svc_%.c,$(wildcard tests/unit/test_*.c)))
UNIT_SVC   := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_svc_*.c))

$(UNIT_PLAIN): $(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libiiif.a
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(PLAIN_CFLAGS) -Wno-conversion -Wno-missing-prototypes -o $@ $< $(BUILD)/libiiif.a $(LINK_FLAGS) -lcmocka $(PKG_LIBS) -lm

$(UNIT_SVC): $(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libsvc.a $(BUILD)/libiiif.a
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(SVC_CFLAGS) -Wno-missing-prototypes -o $@ $< $(BUILD)/libsvc.a $(BUILD)/libiiif.a $(LINK_FLAGS) -lcmocka $(APR_LIBS) $(PKG_LIBS) -lm -lpthread

unit-build: $(UNIT_PLAIN) $(UNIT_SVC)

-include tests/fuzz/fuzz.mk

# --- what a fresh machine calls -----------------------------------------------------------------------
STAGES := guards unit asan corpus pixel itest prefork asan_httpd browser
SUBMAKE = +$(MAKE) --no-print-directory -f apxs.mk BUILD=$(BUILD)
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

deps:
	$(if $(filter no,$(DEPS)),,@tests/deps.sh build)

deps-demo:
	$(if $(filter no,$(DEPS)),,@tests/deps.sh build demo)

deps-test:
	$(if $(filter no,$(DEPS)),,@tests/deps.sh build test)

# OpenSeadragon for the pages, by its lockfile; without npm the pages say so and go on.
viewers:
	@mkdir -p $(BUILD)/viewers
	@cp lib/pages/package.json lib/pages/package-lock.json $(BUILD)/viewers/
	@cd $(BUILD)/viewers && npm ci --ignore-scripts --no-audit --no-fund --silent || echo "npm could not fetch the viewers; pages go on without" >&2

demo: deps-demo
	$(SUBMAKE) -j$(JOBS) all
	$(SUBMAKE) viewers
	@tests/demo.sh start $(BUILD)

demo-stop:
	@tests/demo.sh stop $(BUILD)

# Every test; `make -f apxs.mk unit` and so on run one stage.
check: deps-test
	$(SUBMAKE) -j$(JOBS) all unit-build
	@tests/check.sh $(BUILD) $(STAGES)

guards unit asan pixel itest prefork asan_httpd browser:
	$(SUBMAKE) all
	@tests/check.sh $(BUILD) $@

# --- speed and memory -----------------------------------------------------------------------------------
# bench: what a request costs, beside the plain library and beside another server; writes $(BUILD)/bench/bench.md, bench.json
# and plots. FULL=yes measures longer; BENCH_400=yes takes masters of 400 megapixels too (20 GiB of memory to make them);
# BENCH_ONLY="G1 G9" only these; PAGE=FILE puts the table into a page. Not a part of check: it measures, and passes or fails nothing.
deps-bench:
	$(if $(filter no,$(DEPS)),,@tests/deps.sh build bench)

$(BUILD)/bench/decode: tests/bench/decode.c $(BUILD)/libiiif.a
	@mkdir -p $(@D)
	$(call say,BENCH,$@)
	$(Q)$(CC) $(PLAIN_CFLAGS) -o $@ $< $(BUILD)/libiiif.a $(LINK_FLAGS) $(PKG_LIBS) -lm

bench: deps-bench
	$(SUBMAKE) -j$(JOBS) all $(BUILD)/bench/decode
	@BUILD=$(BUILD) FULL="$(FULL)" BENCH_400="$(BENCH_400)" BENCH_ONLY="$(BENCH_ONLY)" PAGE="$(PAGE)" OPENJPEG_SYMBOLS="$(OPENJPEG_SYMBOLS)" $(or $(PYTHON),/usr/bin/python3) tests/bench/bench.py

# --- installation: what packages call ------------------------------------------------------------------
# Debian: files for a2enmod. Elsewhere: MODCONFDIR=/etc/httpd/conf.modules.d LOADFILE=10-iiif.conf CONFFILE= …
MODCONFDIR ?= /etc/apache2/mods-available
LOADFILE   ?= iiif.load
CONFFILE   ?= iiif.conf
BINDIR     ?= /usr/bin
DOCDIR     ?= /usr/share/doc/libapache2-mod-iiif

install: all
	install -D -m 644 $(BUILD)/mod_iiif.so $(DESTDIR)$(LIBEXECDIR)/mod_iiif.so
	for tool in $(TOOLS); do install -D -m 755 $$tool $(DESTDIR)$(BINDIR)/$$(basename $$tool); done
	install -d $(DESTDIR)$(MODCONFDIR)
	{ echo '# Depends: authz_core socache_shmcb'; echo 'LoadModule iiif_module $(LIBEXECDIR)/mod_iiif.so'; } >$(DESTDIR)$(MODCONFDIR)/$(LOADFILE)
	$(if $(CONFFILE),install -m 644 conf-examples/iiif.conf $(DESTDIR)$(MODCONFDIR)/$(CONFFILE))
	install -d $(DESTDIR)$(DOCDIR)/conf-examples
	install -m 644 README.md NOTICE LICENSE $(DESTDIR)$(DOCDIR)/
	install -m 644 $(filter-out %/iiif.conf,$(wildcard conf-examples/*)) $(DESTDIR)$(DOCDIR)/conf-examples/

# The plain apxs way, for those who want nothing else: proves that the sources need no more than its flags. On a copy, since
# apxs leaves its objects beside the sources.
apxs: $(BUILD)/iiif_features.h
	@rm -rf $(BUILD)/apxs && mkdir -p $(BUILD)/apxs && cp -R mod_iiif.c lib $(BUILD)/iiif_features.h $(BUILD)/apxs/
	cd $(BUILD)/apxs && $(APXS) -c -n iiif -o mod_iiif.la -I. $(PKG_CFLAGS) $(PKG_LIBS) -lm $(HTTPD_SRC) $(SVC_SRC) $(PLAIN_SRC) >apxs.log 2>&1 || { tail -n 20 apxs.log >&2; exit 1; }
	@ls -l $(BUILD)/apxs/.libs/mod_iiif.so

tidy:
	clang-tidy --quiet $(PLAIN_SRC) -- $(PLAIN_CFLAGS)
	clang-tidy --quiet $(SVC_SRC) $(HTTPD_SRC) -- $(GLUE_CFLAGS)

cppcheck:
	cppcheck --quiet --enable=warning,portability --inline-suppr --error-exitcode=1 --std=c11 -I$(BUILD) lib mod_iiif.c

# The demo's tree may lie apart and be linked from the build (tests/demo.sh).
clean:
	@for link in $(BUILD)/demo $(BUILD)/browser-demo; do \
	    case $$(readlink -f $$link 2>/dev/null) in /var/tmp/mod_iiif-demo.*) tests/demo.sh stop $(BUILD) $$(basename $$link); rm -rf "$$(readlink -f $$link)";; esac; done
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all features unit-build clean FORCE deps deps-demo deps-test deps-bench viewers demo demo-stop check bench $(STAGES) install apxs tidy cppcheck
