# Fuzz targets, included by apxs.mk:
#   fuzz-build   replay binaries under ASan and UBSan:  $(BUILD)/fuzz/fuzz_*
#   corpus       builds them and replays the checked-in corpus; the last line is `N passed, N failed`
#   fuzz-seeds   makes more seeds of all formats below $(BUILD)/fuzz/seeds
#   fuzz         runs each target $(FUZZ_SECONDS) seconds with clang's libFuzzer
# FUZZ_ONLY="fuzz_uri …" takes some of the targets. What libFuzzer finds lies below $(BUILD)/fuzz/findings.
FUZZ_SECONDS ?= 10
FUZZ_CLANG   ?= clang
FUZZ_PYTHON  ?= /usr/bin/python3
FUZZ_ONLY    ?= $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SAN     := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

FUZZ_REPLAY := $(FUZZ_ONLY:%=$(BUILD)/fuzz/%)
FUZZ_LIVE   := $(FUZZ_ONLY:%=$(BUILD)/fuzz/live/%)
FUZZ_OBJ      = $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(PLAIN_SRC))
FUZZ_LIVE_OBJ = $(patsubst %.c,$(BUILD)/fuzz/live/obj/%.o,$(PLAIN_SRC))

$(BUILD)/fuzz/obj/%.o: %.c $(BUILD)/iiif_features.h
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(PLAIN_CFLAGS) -O1 $(FUZZ_SAN) -c $< -o $@

$(BUILD)/fuzz/libiiif.a: $(FUZZ_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(FUZZ_REPLAY): $(BUILD)/fuzz/%: $(BUILD)/fuzz/obj/tests/fuzz/%.o $(BUILD)/fuzz/obj/tests/fuzz/driver.o $(BUILD)/fuzz/libiiif.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(FUZZ_SAN) -o $@ $^ $(LINK_FLAGS) $(PKG_LIBS) -lm

# -fsanitize=fuzzer needs clang's runtime (Debian: libclang-rt-dev).
$(BUILD)/fuzz/live/obj/%.o: %.c $(BUILD)/iiif_features.h
	@mkdir -p $(@D)
	$(call say,CLANG,$@)
	$(Q)$(FUZZ_CLANG) $(PLAIN_CFLAGS) -O1 $(FUZZ_SAN) -fsanitize=fuzzer-no-link -DIIIF_FUZZ_LIVE=1 -c $< -o $@

$(BUILD)/fuzz/live/libiiif.a: $(FUZZ_LIVE_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(FUZZ_LIVE): $(BUILD)/fuzz/live/%: $(BUILD)/fuzz/live/obj/tests/fuzz/%.o $(BUILD)/fuzz/live/libiiif.a
	$(call say,LINK,$@)
	$(Q)$(FUZZ_CLANG) $(FUZZ_SAN) -fsanitize=fuzzer -o $@ $^ $(PKG_LIBS) -lm

fuzz-build: $(FUZZ_REPLAY)

corpus: fuzz-build
	@sh tests/fuzz/replay.sh $(BUILD) $(FUZZ_ONLY)

fuzz-seeds:
	@mkdir -p $(BUILD)/fuzz/seeds
	@$(FUZZ_PYTHON) tests/fuzz/make_corpus.py $(BUILD)/fuzz/seeds

fuzz: $(FUZZ_LIVE) fuzz-seeds
	@sh tests/fuzz/run.sh $(BUILD) $(FUZZ_SECONDS) $(FUZZ_ONLY)

.PRECIOUS: $(BUILD)/fuzz/obj/%.o $(BUILD)/fuzz/live/obj/%.o
.PHONY: fuzz-build corpus fuzz-seeds fuzz
