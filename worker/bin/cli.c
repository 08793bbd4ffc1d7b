/* SPDX-License-Identifier: MIT */
/* cli.c - the command line: tables of options in, values and settings out.
 *
 * Runs in every subcommand, before anything else. Never talks to Kafka. */
#include "bin/cli.h"

#include <stdarg.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define DEFAULT_FILE "/etc/forkyard/forkyard.yaml"
/* A suggestion further away than this is noise. */
#define NEAREST_MAX 3
#define WORD_MAX    64
#define HELP_COLUMN 25

extern char **environ;

/* Where the options every command has go while parsing. */
struct common {
    const char *config_file;
    const char *brokers;
    struct cli_list sets;
    bool json;
    bool verbose;
    bool help;
};

static const struct cli_option common_options[] = {
    {"config", 0, CLI_TEXT, offsetof(struct common, config_file), "FILE",
     "settings from this file (else $FORKYARD_CONFIG, " DEFAULT_FILE ")"},
    {"set", 0, CLI_LIST, offsetof(struct common, sets), "NAME=VALUE",
     "any setting, such as worker.slots=4 (see forkyard check)"},
    {"brokers", 0, CLI_TEXT, offsetof(struct common, brokers), "ADDR",
     "Kafka, host:port; default " CLI_DEFAULT_BROKERS},
    {"json", 0, CLI_FLAG, offsetof(struct common, json), NULL,
     "data for programs on stdout"},
    {"verbose", 'v', CLI_FLAG, offsetof(struct common, verbose), NULL,
     "say more on stderr"},
    {"help", 'h', CLI_FLAG, offsetof(struct common, help), NULL, "this text"},
    {NULL, 0, CLI_FLAG, 0, NULL, NULL},
};

struct parser {
    const struct cli_spec *spec;
    struct cli *cli;
    struct common common;
    void *options;
    int argc;
    char **argv;
    int at;
};

void cli_list_add(struct cli_list *list, const char *item)
{
    list->items =
        xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count++] = item;
}

void cli_list_done(struct cli_list *list)
{
    free(list->items);
    *list = (struct cli_list){0};
}

const char *cli_color(FILE *stream, char color)
{
    static const struct {
        char name;
        const char *escape;
    } table[] = {
        {'r', "\033[31m"}, {'g', "\033[32m"}, {'y', "\033[33m"},
        {'b', "\033[1m"},  {'0', "\033[0m"},
    };
    const char *no_color = getenv("NO_COLOR");

    if ((no_color && no_color[0]) || !isatty(fileno(stream))) {
        return "";
    }
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].name == color) {
            return table[i].escape;
        }
    }
    return "";
}

static void say(char color, const char *fmt, va_list args)
{
    (void)fprintf(stderr, "%sforkyard:%s ", cli_color(stderr, color),
                  cli_color(stderr, '0'));
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
}

void cli_say(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say('b', fmt, args);
    va_end(args);
}

void cli_die(int exit_code, const char *fmt, ...)
{
    va_list args;

    (void)fflush(stdout);
    va_start(args, fmt);
    say('r', fmt, args);
    va_end(args);
    exit(exit_code);
}

void cli_usage_error(const struct cli_spec *spec, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say('r', fmt, args);
    va_end(args);
    (void)fprintf(stderr, "Try: forkyard %s --help\n", spec->name);
    exit(spec->usage_exit ? spec->usage_exit : CLI_EXIT_USAGE);
}

/* Levenshtein over one row; words past WORD_MAX are not near anything. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    if (a_len > WORD_MAX || b_len > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t gap = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = change < gap ? change : gap;
        }
    }
    return row[b_len];
}

const char *cli_nearest(const char *word, const char *const *candidates,
                        size_t count)
{
    const char *best = NULL;
    size_t best_distance = NEAREST_MAX + 1;

    for (size_t i = 0; i < count; i++) {
        size_t d = distance(word, candidates[i]);

        if (d < best_distance && d < strlen(candidates[i])) {
            best = candidates[i];
            best_distance = d;
        }
    }
    return best;
}

static void print_options(const struct cli_option *o, FILE *to)
{
    for (; o && o->name; o++) {
        char left[WORD_MAX];

        (void)snprintf(left, sizeof(left), "%c%c%s--%s%s%s",
                       o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
                       o->letter ? ", " : "  ", o->name, o->value ? " " : "",
                       o->value ? o->value : "");
        (void)fprintf(to, "  %-*s %s\n", HELP_COLUMN, left, o->help);
    }
}

static void print_lines(const char *text, FILE *to)
{
    while (*text) {
        size_t len = strcspn(text, "\n");

        (void)fprintf(to, "  forkyard %.*s\n", (int)len, text);
        text += len;
        text += *text == '\n';
    }
}

static NORETURN void print_help(const struct cli_spec *spec)
{
    (void)printf("forkyard %s - %s\n\nUsage:\n", spec->name, spec->summary);
    print_lines(spec->usage, stdout);
    if (spec->about) {
        (void)printf("\n%s\n", spec->about);
    }
    if (spec->options && spec->options[0].name) {
        (void)printf("\nOptions:\n");
        print_options(spec->options, stdout);
    }
    (void)printf("\nCommon options:\n");
    print_options(common_options, stdout);
    if (spec->shows_settings) {
        (void)printf("\nSettings (file, FORKYARD_... variable, "
                     "--set NAME=VALUE):\n");
        config_print_help(stdout);
    }
    (void)printf("\nExample:\n");
    print_lines(spec->example, stdout);
    exit(fflush(stdout) ? CLI_EXIT_FAILED : 0);
}

static const struct cli_option *find(const struct cli_option *o,
                                     const char *name, size_t len, char letter)
{
    for (; o && o->name; o++) {
        if (letter ? o->letter == letter
                   : strlen(o->name) == len && !strncmp(o->name, name, len)) {
            return o;
        }
    }
    return NULL;
}

static NORETURN void unknown_option(const struct parser *p, const char *arg)
{
    const char *names[WORD_MAX];
    size_t count = 0;
    const struct cli_option *tables[] = {p->spec->options, common_options};
    const char *near;

    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (const struct cli_option *o = tables[t]; o && o->name; o++) {
            if (count < ARRAY_LEN(names)) {
                names[count++] = o->name;
            }
        }
    }
    near = str_starts(arg, "--") ? cli_nearest(arg + 2, names, count) : NULL;
    if (near) {
        cli_usage_error(p->spec, "unknown option %s; did you mean --%s?", arg,
                        near);
    }
    cli_usage_error(p->spec, "unknown option %s", arg);
}

static void store(struct parser *p, const struct cli_option *o, void *base,
                  const char *text)
{
    char *at = (char *)base + o->offset;
    struct err e = {0};
    int rc = 0;

    switch (o->type) {
    case CLI_FLAG:
        *(bool *)at = true;
        break;
    case CLI_TEXT:
        *(const char **)at = text;
        break;
    case CLI_LIST:
        cli_list_add((struct cli_list *)at, text);
        break;
    case CLI_UINT:
        rc = str_parse_u64(text, (uint64_t *)at, &e);
        break;
    case CLI_DURATION:
        rc = str_parse_duration_ms(text, (uint64_t *)at, &e);
        break;
    case CLI_SIZE:
        rc = str_parse_size(text, (uint64_t *)at, &e);
        break;
    }
    if (rc < 0) {
        cli_usage_error(p->spec, "--%s: %s", o->name, e.msg);
    }
}

/* The value of an option: behind '=', glued to its letter, or the next
 * argument. */
static const char *value_of(struct parser *p, const char *glued,
                            const char *arg)
{
    if (glued) {
        return glued;
    }
    if (p->at + 1 >= p->argc) {
        cli_usage_error(p->spec, "%s needs a value", arg);
    }
    return p->argv[++p->at];
}

/* --section.name=value, short for --set section.name=value. */
static bool take_setting(struct parser *p, const char *name, size_t len)
{
    const char *dot = memchr(name, '.', len);

    if (!dot || name[len] != '=') {
        return false;
    }
    cli_list_add(&p->common.sets, name);
    return true;
}

static void take_option(struct parser *p, const char *arg)
{
    bool is_long = arg[1] == '-';
    const char *name = arg + 2;
    size_t len = strcspn(name, "=");
    char letter = is_long ? 0 : arg[1];
    const struct cli_option *o = find(p->spec->options, name, len, letter);
    void *base = p->options;
    const char *glued = NULL;

    if (!o) {
        o = find(common_options, name, len, letter);
        base = &p->common;
    }
    if (!o) {
        if (is_long && take_setting(p, name, len)) {
            return;
        }
        unknown_option(p, arg);
    }
    if (is_long) {
        glued = name[len] == '=' ? name + len + 1 : NULL;
    } else {
        glued = arg[2] ? arg + 2 : NULL;
    }
    if (o->type != CLI_FLAG) {
        store(p, o, base, value_of(p, glued, arg));
    } else if (glued) {
        cli_usage_error(p->spec, "%s takes no value", arg);
    } else {
        store(p, o, base, NULL);
    }
}

static void take_arguments(struct parser *p)
{
    for (p->at = 1; p->at < p->argc; p->at++) {
        const char *arg = p->argv[p->at];

        if (!strcmp(arg, "--")) {
            for (p->at++; p->at < p->argc; p->at++) {
                cli_list_add(&p->cli->rest, p->argv[p->at]);
            }
        } else if (arg[0] == '-' && arg[1]) {
            take_option(p, arg);
        } else {
            cli_list_add(&p->cli->args, arg);
        }
    }
}

static int set_from_flag(struct config *config, const char *set, struct err *e)
{
    const char *equals = strchr(set, '=');
    char name[128];

    if (!equals || (size_t)(equals - set) >= sizeof(name)) {
        return err_set(e, ERR_INPUT, "'%s': write it as section.name=value",
                       set);
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)(equals - set), set);
    if (config_is_secret(name)) {
        return err_set(e, ERR_INPUT,
                       "%s: everybody on this host can read a command line; "
                       "put it into the file of --config, or into the "
                       "environment",
                       name);
    }
    return config_set(config, name, equals + 1, e);
}

static const char *pick_file(const struct common *common)
{
    const char *from_env = getenv("FORKYARD_CONFIG");

    if (common->config_file) {
        return common->config_file;
    }
    if (from_env && from_env[0]) {
        return from_env;
    }
    return access(DEFAULT_FILE, F_OK) == 0 ? DEFAULT_FILE : NULL;
}

static int load_settings(struct parser *p, struct err *e)
{
    struct config *config = &p->cli->config;

    p->cli->config_file = pick_file(&p->common);
    if (p->cli->config_file &&
        config_load_file(config, p->cli->config_file, e) < 0) {
        return -1;
    }
    if (config_load_env(config, environ, e) < 0) {
        return -1;
    }
    for (size_t i = 0; i < p->common.sets.count; i++) {
        if (set_from_flag(config, p->common.sets.items[i], e) < 0) {
            return err_wrap(e, "--set");
        }
    }
    if (p->common.brokers && config_set(config, "kafka.bootstrap.servers",
                                        p->common.brokers, e) < 0) {
        return err_wrap(e, "--brokers");
    }
    p->cli->has_brokers = config_kafka_get(config, "bootstrap.servers") != NULL;
    if (p->cli->has_brokers) {
        return 0;
    }
    return config_set(config, "kafka.bootstrap.servers", CLI_DEFAULT_BROKERS,
                      e);
}

static void set_log(const struct cli *cli, struct err *e)
{
    enum log_level level;

    if (log_level_parse(cli->config.log_level, &level, e) == 0) {
        log_set_level(cli->verbose ? LOG_DEBUG : level);
    }
    log_set_json(!strcmp(cli->config.log_format, "json"));
}

void cli_parse(struct cli *cli, const struct cli_spec *spec, int argc,
               char **argv, void *options)
{
    struct parser p = {.spec = spec,
                       .cli = cli,
                       .options = options,
                       .argc = argc,
                       .argv = argv};
    struct err e = {0};

    *cli = (struct cli){.spec = spec};
    config_init(&cli->config);
    take_arguments(&p);
    if (p.common.help) {
        print_help(spec);
    }
    cli->json = p.common.json;
    cli->verbose = p.common.verbose;
    cli->sets = p.common.sets;
    if (!spec->no_settings && load_settings(&p, &e) < 0) {
        cli_usage_error(spec, "%s", e.msg);
    }
    set_log(cli, &e);
}

void cli_done(struct cli *cli)
{
    config_done(&cli->config);
    cli_list_done(&cli->sets);
    cli_list_done(&cli->args);
    cli_list_done(&cli->rest);
}
