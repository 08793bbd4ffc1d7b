# SPDX-License-Identifier: MIT
# Forkyard. `make help` lists what there is; plain `make` builds the program.
# One makefile, no recursion into folders: a target that first installs what is
# missing then calls this same file again, because only then the libraries'
# flags can be known. Everything made is under build/, variants of the program
# (VARIANT=asan, tsan, fuzz, lint) under build/asan and so on.

MAKEFLAGS += --no-builtin-rules --no-print-directory
# As many jobs as processors, unless somebody said otherwise; an inner make
# shares the outer one's.
ifeq ($(MAKELEVEL)$(filter -j% --jobs%,$(MAKEFLAGS)),0)
MAKEFLAGS += --jobs=$(shell nproc)
endif
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build

PREFIX ?= /usr/local
bindir ?= $(PREFIX)/bin
libdir ?= $(PREFIX)/lib
includedir ?= $(PREFIX)/include
datadir ?= $(PREFIX)/share
FUZZ_SECONDS ?= 60
SOAK_JOBS ?= 300000
SOAK_SEED ?= 1
VARIANT ?=
B := build$(if $(VARIANT),/$(VARIANT))
ifeq ($(VARIANT),fuzz)
CC := clang
else ifeq ($(origin CC),default)
CC := gcc
endif
# The distribution's Python, whose packages deps.sh installs; not the one that
# a version manager may have put in front of it.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
V ?= 0
Q := $(if $(filter 0,$(V)),@)
say = $(if $(filter 0,$(V)),@printf '  %-5s %s\n' $(1) $(2))

# --- what is there ----------------------------------------------------------

FLOORS := base wire sys svc lib run bin
# What takes another file's place in the library, and is in no program.
LIB_ONLY := $(wildcard worker/lib/*_none.c)
SRC := $(filter-out $(LIB_ONLY),$(wildcard $(FLOORS:%=worker/%/*.c)))
HEADERS := $(wildcard $(FLOORS:%=worker/%/*.h))
TEST_LIB_SRC := $(wildcard tests/lib/*.c)
TEST_SRC := $(wildcard tests/unit/*_test.c tests/sys/*_test.c \
	tests/svc/*_test.c)
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
PROBE_SRC := $(wildcard tests/probe/*.c)
SCHEMA_SRC := $(wildcard tests/schema/*.c)

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
PROGRAM := $(B)/forkyard
LIB_VERSION := $(shell sed -n 's/.*FORKYARD_VERSION "\(.*\)"/\1/p' \
	worker/base/version.h)
# The number grows when something that was exported changes or goes away; see
# the head of worker/lib/forkyard.h.
LIB_SONAME := libforkyard.so.1
LIB_SHARED := $(B)/$(LIB_SONAME).$(LIB_VERSION)
LIB_STATIC := $(B)/libforkyard.a
# A fuzzing build is of objects that no library is made of.
LIBRARIES := $(if $(filter-out fuzz,$(or $(VARIANT),none)),\
	$(LIB_SHARED) $(LIB_STATIC))
ARCHIVE := $(B)/everything.a
# Tests may use everything but main(); members are linked when called for.
ARCHIVE_OBJ := $(call obj,$(filter-out worker/bin/main.c,$(SRC)) \
	$(TEST_LIB_SRC))
TESTS := $(TEST_SRC:%.c=$(B)/%)
SCHEMA_TESTS := $(SCHEMA_SRC:%.c=$(B)/%)
PROBES := $(PROBE_SRC:tests/%.c=build/%)
FUZZERS := $(FUZZ_SRC:tests/fuzz/%.c=build/fuzz/%)

# --- how it is compiled -----------------------------------------------------

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wpointer-arith \
	-Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wconversion \
	-Wno-sign-conversion -Wimplicit-fallthrough -Wswitch-enum \
	-Wnull-dereference
ifneq ($(CI)$(WERROR)$(filter lint,$(VARIANT)),)
WARNINGS += -Werror
endif

OPTIMIZE := -O2 -g
HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
HARDEN_LD := -Wl,-z,relro,-z,now,-z,noexecstack,-z,nodlopen
SANITIZE_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined
SANITIZE_tsan := -fsanitize=thread
SANITIZE_fuzz := -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=undefined
SANITIZE := $(SANITIZE_$(VARIANT))
ifneq ($(SANITIZE),)
OPTIMIZE := -O1 -g -fno-omit-frame-pointer
HARDEN := -DFORKYARD_SANITIZED=1
HARDEN_LD :=
WARNINGS := -Wall
endif

ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Iworker -Itests $(WARNINGS) $(OPTIMIZE) \
	$(HARDEN) $(OPTIONAL_FLAGS) -fno-strict-aliasing -fPIE $(SANITIZE) \
	$(PKG_CFLAGS) $(CFLAGS)
# A test that follows NULL fails, as it should.
TEST_CFLAGS = $(if $(filter tests/%,$<),-Wno-null-dereference)
ALL_LDFLAGS = -pie $(HARDEN_LD) $(SANITIZE) $(WRAP) $(LDFLAGS)
# The embedded broker gives the library's mock cluster a fixed port.
ifneq ($(wildcard worker/bin/broker.c),)
WRAP := -Wl,--wrap=bind,--wrap=listen
endif

# The flags file is made on the first build of a directory, and again when the
# library it names went away. Targets that prepare the machine, or need no
# compiler, do not read it.
NO_FLAGS := help deps libs demo dev test lint asan tsan fuzz fault soak vm \
	kafka bench bench-kafka clean
ifneq ($(filter-out $(NO_FLAGS),$(or $(MAKECMDGOALS),build)),)
include $(B)/flags.mk
endif
$(B)/flags.mk: deploy/build/flags.sh deploy/build/librdkafka.sh $(RDKAFKA_PC)
	@mkdir -p $(@D)
	@deploy/build/flags.sh $(CC) >$@.new && mv $@.new $@
$(RDKAFKA_PC):

# --- what people call -------------------------------------------------------

.PHONY: help
help: ## this list
	@echo 'make TARGET'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 12
	@echo
	@echo 'V=1 shows commands and the output of tests; T=WORD picks tests;'
	@echo 'WERROR=1 makes warnings errors; PREFIX, DESTDIR: where to install.'

.PHONY: build
build: $(PROGRAM) $(LIBRARIES) ## build the program and libforkyard (the default)

.PHONY: demo
demo: ## install what is missing, build, run a fleet and real jobs through it
	@deploy/build/deps.sh demo
	@deploy/build/librdkafka.sh
	@$(MAKE) build
	@deploy/demo/run.sh build/forkyard

.PHONY: dev
dev: ## a fleet on this machine until Ctrl-C (DEV_ARGS='--workers 4')
	@deploy/build/deps.sh demo
	@deploy/build/librdkafka.sh
	@$(MAKE) build
	@build/forkyard dev $(DEV_ARGS)

.PHONY: test
test: ## install what is missing, build, run every test
	@deploy/build/deps.sh test
	@deploy/build/librdkafka.sh
	@{ deploy/build/deps.sh kafka && deploy/build/kafka.sh; } || \
		echo 'without Kafka its tests are skipped; the rest goes on' >&2
	@$(MAKE) run-tests

.PHONY: lint
lint: ## layout, floors, static analysis, warnings as errors
	@deploy/build/deps.sh lint
	@deploy/build/librdkafka.sh
	@tests/lint/run.sh

.PHONY: asan
asan: ## unit, sys and svc tests with address and undefined sanitizers
	@deploy/build/deps.sh test
	@deploy/build/librdkafka.sh
	@$(MAKE) VARIANT=asan run-sanitized KINDS='unit sys svc'

.PHONY: tsan
tsan: ## svc tests with the thread sanitizer
	@deploy/build/deps.sh test
	@deploy/build/librdkafka.sh
	@$(MAKE) VARIANT=tsan run-sanitized KINDS='svc'

.PHONY: fuzz
fuzz: ## every decoder against made-up bytes, FUZZ_SECONDS=60 each
	@deploy/build/deps.sh fuzz
	@deploy/build/librdkafka.sh
	@$(MAKE) VARIANT=fuzz fuzzers
	@$(PYTHON) tests/run.py --fuzz-seconds $(FUZZ_SECONDS) fuzz

.PHONY: fault
fault: ## kill, starve and cut off the fleet and see that no job is lost
	@deploy/build/deps.sh fault
	@deploy/build/librdkafka.sh
	@deploy/build/kafka.sh
	@$(MAKE) build tests build/fault/clock.so
	@$(PYTHON) tests/run.py fault

.PHONY: soak
soak: ## the same all at once for an hour or so (SOAK_JOBS=300000)
	@deploy/build/deps.sh fault
	@deploy/build/librdkafka.sh
	@deploy/build/kafka.sh
	@$(MAKE) build
	@$(PYTHON) tests/fault/run.py soak --jobs $(SOAK_JOBS) \
		--seed $(SOAK_SEED)

.PHONY: kafka
kafka: ## fetch Apache Kafka, for the tests and for dev --kafka local
	@deploy/build/deps.sh kafka
	@deploy/build/kafka.sh

.PHONY: vm
vm: ## the tests of boxes under Debian's kernel with cgroup v2, emulated
	@deploy/build/deps.sh vm
	@deploy/build/librdkafka.sh
	@$(MAKE) build tests
	@tests/vm/run.sh sys

.PHONY: bench
bench: ## measure; writes build/bench.json, and build/bench-kafka.json
	@deploy/build/deps.sh demo
	@deploy/build/librdkafka.sh
	@$(MAKE) build build/bench/noop
	@build/forkyard bench --out build/bench.json \
		$(if $(BENCH_JOBS),--jobs $(BENCH_JOBS)) $(BENCH_ARGS)
	@$(MAKE) bench-kafka

bench-kafka: ## the figures that need a real broker alone
	@deploy/build/deps.sh demo test kafka
	@deploy/build/librdkafka.sh
	@deploy/build/kafka.sh
	@$(MAKE) build build/bench/noop
	@$(PYTHON) tests/bench/kafka.py --out build/bench-kafka.json $(KAFKA_BENCH_ARGS)

.PHONY: install
install: build ## program, library, header below DESTDIR, PREFIX, libdir...
	install -D -s -m 755 $(PROGRAM) $(DESTDIR)$(bindir)/forkyard
	install -D -m 644 deploy/forkyard.yaml \
		$(DESTDIR)$(datadir)/forkyard/forkyard.yaml
	install -D -m 644 LICENSE $(DESTDIR)$(datadir)/doc/forkyard/LICENSE
	install -D -m 644 worker/lib/forkyard.h \
		$(DESTDIR)$(includedir)/forkyard.h
	install -D -s -m 644 $(LIB_SHARED) \
		$(DESTDIR)$(libdir)/$(notdir $(LIB_SHARED))
	ln -sf $(notdir $(LIB_SHARED)) $(DESTDIR)$(libdir)/$(LIB_SONAME)
	ln -sf $(LIB_SONAME) $(DESTDIR)$(libdir)/libforkyard.so
	install -D -m 644 $(LIB_STATIC) $(DESTDIR)$(libdir)/libforkyard.a
	strip -g $(DESTDIR)$(libdir)/libforkyard.a
	@mkdir -p $(DESTDIR)$(libdir)/pkgconfig
	@sed -e 's|@prefix@|$(PREFIX)|' -e 's|@libdir@|$(libdir)|' \
		-e 's|@includedir@|$(includedir)|' \
		-e 's|@version@|$(LIB_VERSION)|' \
		-e 's|@requires@|$(LIB_REQUIRES)|' -e 's|@libs@|$(LIB_PRIVATE)|' \
		worker/lib/forkyard.pc.in \
		>$(DESTDIR)$(libdir)/pkgconfig/forkyard.pc
	@chmod 644 $(DESTDIR)$(libdir)/pkgconfig/forkyard.pc

.PHONY: deps
deps: ## install what building needs and build librdkafka, nothing else
	@deploy/build/deps.sh build
	@deploy/build/librdkafka.sh

.PHONY: libs
libs: ## build librdkafka into the cache, when the system has none
	@deploy/build/librdkafka.sh

.PHONY: clean
clean: ## remove build/
	rm -rf build

# --- rules ------------------------------------------------------------------

$(B)/obj/%.o: %.c Makefile $(B)/flags.mk
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(TEST_CFLAGS) -MMD -MP -c $< -o $@

# Data that the assembler takes in (.incbin), which -MMD does not see.
$(B)/obj/worker/svc/topics_data.o $(B)/obj/worker/svc/acls_data.o: \
		$(wildcard broker-config/*)
$(B)/obj/worker/bin/dev_kafka.o: $(wildcard broker-config/kafka/*)
$(B)/obj/worker/run/payload_data.o: $(wildcard worker/payload/*)

# The program that boxes begin in: static, because what it maps is copied for
# every box; and taken into ours, as it is. Not in sanitized builds, whose
# runtime is not static.
BOX_SRC := worker/inside/box_main.c \
	$(filter-out %/privdrop.c %/hostcheck.c,$(wildcard worker/sys/*.c)) \
	$(addprefix worker/base/,base.c buf.c clock.c err.c fd.c mem.c str.c) \
	$(addprefix worker/wire/,bundle.c collection.c)
BOX_OBJ := $(patsubst %.c,$(B)/box/%.o,$(BOX_SRC))
BOX_IMAGE := $(B)/box/forkyard-box
ifeq ($(SANITIZE),)
$(B)/obj/worker/run/box_data.o: $(BOX_IMAGE)
$(B)/obj/worker/run/box_data.o: private CFLAGS += -DBOX_IMAGE='"$(BOX_IMAGE)"'
endif
$(B)/box/%.o: %.c Makefile $(B)/flags.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -ffunction-sections -fdata-sections -MMD -MP \
		-c $< -o $@
$(BOX_IMAGE): $(BOX_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) -static-pie $(HARDEN_LD) -Wl,--gc-sections -s -o $@ $^

$(PROGRAM): $(call obj,$(SRC))
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

# libforkyard: what is above its own floor is left out, and so is the log, and
# the loop. It takes what it needs of the rest, librdkafka included, and shows
# none of it: a program may have another librdkafka, and a function of its own
# called job_init().
LIB_OWN := $(wildcard worker/lib/*.c)
LIB_GROUND := $(filter-out worker/base/log.c worker/svc/kafka_wake.c,\
	$(filter worker/base/% worker/wire/% worker/svc/%,$(SRC)))
lib_obj = $(patsubst %.c,$(B)/lib/%.o,$(1))
LIB_OBJ := $(call lib_obj,$(LIB_OWN) $(LIB_GROUND))
$(B)/lib/%.o: %.c Makefile $(B)/flags.mk
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC -MMD -MP -c $< -o $@
$(B)/lib/worker/svc/topics_data.o $(B)/lib/worker/svc/acls_data.o: \
		$(wildcard broker-config/*)
$(B)/lib/ground.a: $(call lib_obj,$(LIB_GROUND))
	@rm -f $@
	$(Q)ar rcs $@ $^
# One object: then names can be hidden in the archive too.
$(B)/lib/all.o: $(call lib_obj,$(LIB_OWN)) $(B)/lib/ground.a
	$(Q)$(CC) -r -nostdlib -o $@ $^ $(RDKAFKA_ARCHIVE)
$(B)/lib/exports: worker/lib/forkyard.map
	$(Q)sed -n 's/^ *\(fy_[a-z_]*\);$$/\1/p' $< >$@
$(LIB_SHARED): $(B)/lib/all.o worker/lib/forkyard.map
	$(call say,LD,$@)
	$(Q)$(CC) -shared -Wl,-soname,$(LIB_SONAME) -Wl,-z,defs \
		-Wl,-z,relro,-z,now,-z,noexecstack $(SANITIZE) $(LDFLAGS) \
		-Wl,--version-script=worker/lib/forkyard.map -Wl,--as-needed \
		-o $@ $< $(LIB_LIBS)
	@ln -sf $(@F) $(@D)/$(LIB_SONAME)
	@ln -sf $(LIB_SONAME) $(@D)/libforkyard.so
$(LIB_STATIC): $(B)/lib/all.o $(B)/lib/exports
	$(call say,AR,$@)
	$(Q)objcopy --keep-global-symbols=$(B)/lib/exports $< \
		$(B)/lib/forkyard.o
	@rm -f $@
	$(Q)ar rcs $@ $(B)/lib/forkyard.o

# Made anew: a deleted source file must not live on in the archive.
$(ARCHIVE): $(ARCHIVE_OBJ)
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar rcs $@ $^

SAMPLE := $(B)/tests/lint/sample
$(TESTS) $(SCHEMA_TESTS) $(SAMPLE): $(B)/%: $(B)/obj/%.o $(ARCHIVE)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< \
		-Wl,--start-group $(ARCHIVE) $(PKG_LIBS) -Wl,--end-group -lcmocka

# What a box does with its job is replaced in this one.
$(B)/tests/sys/forged_init_test: WRAP += -Wl,--wrap=box_job_run

# Static and plain: they run in boxes where there may be no library.
$(PROBES): build/probe/%: tests/probe/%.c $(wildcard tests/probe/*.h)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -static $< -o $@

# Preloaded into workers whose clock is to jump.
build/fault/clock.so: tests/fault/clock.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -fPIC -shared $< -o $@

# What bench runs: an ordinary program, linked dynamically.
build/bench/noop: tests/bench/noop.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -s $< -o $@

# Decoders live on the lower floors; the rest need not be built for them.
FUZZ_OBJ := $(call obj,$(filter worker/base/% worker/wire/% worker/sys/% \
	worker/lib/%,$(SRC)))
$(FUZZERS): build/fuzz/%: build/fuzz/obj/tests/fuzz/%.o build/fuzz/lib.a
	$(call say,LD,$@)
	$(Q)$(CC) -pie -fsanitize=fuzzer,address,undefined -o $@ $^ $(PKG_LIBS)
build/fuzz/lib.a: $(FUZZ_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

# --- what the targets above call --------------------------------------------

.PHONY: fuzzers tests run-tests run-sanitized objects sampler sample
sampler: $(SAMPLE)
sample: $(SAMPLE)
	$(SAMPLE) >deploy/forkyard.yaml
fuzzers: $(FUZZERS)
tests: $(TESTS) $(SCHEMA_TESTS) $(PROBES)
objects: $(ARCHIVE_OBJ) $(call obj,$(LIB_ONLY)) $(call obj,$(SRC) $(TEST_SRC) $(SCHEMA_SRC))

run-tests: build tests
	@$(if $(FUZZERS),$(MAKE) VARIANT=fuzz fuzzers)
	@$(PYTHON) tests/run.py unit schema fuzz sys svc system kafka

run-sanitized: build tests
	@$(PYTHON) tests/run.py --build $(B) $(KINDS)

-include $(BOX_OBJ:.o=.d) $(LIB_OBJ:.o=.d)
-include $(patsubst %.o,%.d,$(call obj,$(SRC) $(TEST_LIB_SRC) $(TEST_SRC) \
	$(SCHEMA_SRC) $(LIB_ONLY) $(if $(filter fuzz,$(VARIANT)),$(FUZZ_SRC))))
