/* SPDX-License-Identifier: MIT */
/* cmd_version.c - `forkyard version`: this program and what it is made of.
 *
 * Reads no configuration and talks to nobody. */
#include <hiredis/hiredis.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <msgpack.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <uv.h>

#include "base/version.h"
#include "bin/cli.h"
#include "bin/main.h"

static const struct cli_spec spec = {
    .name = "version",
    .summary = "this program and its libraries",
    .usage = "version [--json]",
    .example = "version --json",
    .no_settings = true,
};

struct part {
    const char *name;
    char version[80];
};

static void fill(struct part *parts, size_t count)
{
    const struct scmp_version *seccomp = seccomp_version();
    struct utsname host = {0};
    const char *plain[] = {FORKYARD_VERSION,    rd_kafka_version_str(),
                           uv_version_string(), NULL,
                           msgpack_version(),   jansson_version_str()};

    (void)uname(&host);
    for (size_t i = 0; i < count && i < ARRAY_LEN(plain); i++) {
        (void)snprintf(parts[i].version, sizeof(parts[i].version), "%s",
                       plain[i] ? plain[i] : "");
    }
    (void)snprintf(parts[3].version, sizeof(parts[3].version), "%u.%u.%u",
                   seccomp->major, seccomp->minor, seccomp->micro);
    (void)snprintf(parts[6].version, sizeof(parts[6].version), "%d.%d.%d",
                   HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    (void)snprintf(parts[7].version, sizeof(parts[7].version), "%.60s %.15s",
                   host.release, host.machine);
}

int cmd_version_main(int argc, char **argv)
{
    struct part parts[] = {{.name = "forkyard"},  {.name = "librdkafka"},
                           {.name = "libuv"},     {.name = "libseccomp"},
                           {.name = "msgpack-c"}, {.name = "jansson"},
                           {.name = "hiredis"},   {.name = "kernel"}};
    struct cli cli;
    json_t *object = json_object();

    cli_parse(&cli, &spec, argc, argv, NULL);
    fill(parts, ARRAY_LEN(parts));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        (void)json_object_set_new(object, parts[i].name,
                                  json_string(parts[i].version));
        if (!cli.json) {
            (void)printf("%-10s %s\n", parts[i].name, parts[i].version);
        }
    }
    if (cli.json) {
        (void)json_dumpf(object, stdout, JSON_COMPACT);
        (void)fputc('\n', stdout);
    }
    json_decref(object);
    cli_done(&cli);
    return 0;
}
