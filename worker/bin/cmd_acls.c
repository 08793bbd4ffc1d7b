/* SPDX-License-Identifier: MIT */
/* cmd_acls.c - `forkyard acls plan|apply`: who may do what with the topics of a
 * cluster, against broker-config/acls.yaml.
 *
 * plan changes nothing; apply grants what is missing and takes nothing away. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bin/cli.h"
#include "bin/main.h"
#include "svc/acls_plan.h"

struct options {
    const char *file;
    struct cli_list principals;
};

static const struct cli_option options_table[] = {
    {"principal", 'p', CLI_LIST, offsetof(struct options, principals),
     "ROLE=TYPE:NAME", "who has a role: worker=User:fleet; once for each"},
    {"file", 'f', CLI_TEXT, offsetof(struct options, file), "FILE",
     "roles from this file; else the copy inside the program"},
    {NULL, 0, CLI_FLAG, 0, NULL, NULL},
};

static const struct cli_spec spec = {
    .name = "acls",
    .summary = "compare or grant rights on the Kafka topics",
    .usage = "acls plan --principal ROLE=User:NAME... [--file FILE]\n"
             "acls apply --principal ROLE=User:NAME... [--file FILE]",
    .about =
        "Roles: producer writes jobs, worker takes them and writes results, "
        "forwarder brings\nwaiting jobs back (workers with retry.forward, so "
        "usually the same), reader reads\nresults and output, operator looks "
        "after dead letters; a program may have several.\nplan compares the "
        "cluster with what they need and changes nothing; exit code 1 when\na "
        "right is missing. apply grants what is missing; it never takes a "
        "right away, and\nshows what others have on the same topics as "
        "\"extra\". Needs Describe and Alter on\nthe cluster.",
    .example = "acls plan --brokers kafka-1:9092 -p worker=User:fleet\n"
               "acls apply --brokers kafka-1:9092 -p worker=User:fleet "
               "-p producer=User:app",
    .options = options_table,
};

/* --- who has which role --------------------------------------------------- */

static void list_roles(const struct acls *acls, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < acls->count; i++) {
        const char *role = acls->items[i].role;

        if (!strstr(out, role) && len < size) {
            len += (size_t)snprintf(out + len, size - len, "%s%s",
                                    len ? ", " : "", role);
        }
    }
}

/* Cuts each text at its '='. The caller frees the grants; roles borrow. */
static struct acls_grant *read_grants(const struct cli_list *principals,
                                      const struct acls *acls)
{
    struct acls_grant *grants = xcalloc(principals->count + 1, sizeof(*grants));
    char roles[256];

    list_roles(acls, roles, sizeof(roles));
    if (principals->count == 0) {
        cli_usage_error(&spec,
                        "say who has a role: --principal ROLE=User:NAME "
                        "(roles: %s)",
                        roles);
    }
    for (size_t i = 0; i < principals->count; i++) {
        const char *text = principals->items[i];
        const char *equals = strchr(text, '=');

        if (!equals || !strchr(equals, ':')) {
            cli_usage_error(&spec, "--principal %s: write it as ROLE=User:NAME",
                            text);
        }
        grants[i].role = xstrndup(text, (size_t)(equals - text));
        grants[i].principal = equals + 1;
        if (!acls_has_role(acls, grants[i].role)) {
            cli_usage_error(&spec, "--principal %s: no such role (roles: %s)",
                            text, roles);
        }
    }
    return grants;
}

static void free_grants(struct acls_grant *grants, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)grants[i].role);
    }
    free(grants);
}

/* --- showing -------------------------------------------------------------- */

static const char *may(const struct acls_row *row)
{
    return row->is_denial ? "must not" : "may";
}

static void print_row(const struct acls_row *row)
{
    static const char colors[] = {
        [ACLS_OK] = 'g', [ACLS_MISSING] = 'r', [ACLS_EXTRA] = 'y'};
    bool is_any_host = !strcmp(row->host, "*");

    (void)printf(
        "%s%-8s%s %-9s %s %s %s %s %s%s%s%s%s%s\n",
        cli_color(stdout, colors[row->state]), acls_plan_state_name(row->state),
        cli_color(stdout, '0'), row->role ? row->role : "-", row->principal,
        may(row), acls_operation_name(row->operation),
        acls_resource_name(row->resource), row->name, row->is_prefix ? "*" : "",
        is_any_host ? "" : " from ", is_any_host ? "" : row->host,
        row->note[0] ? ": " : "", row->note);
}

static json_t *row_json(const struct acls_row *row)
{
    return json_pack(
        "{s:s, s:s?, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "state",
        acls_plan_state_name(row->state), "role", row->role, "principal",
        row->principal, "host", row->host, "permission",
        row->is_denial ? "deny" : "allow", "operation",
        acls_operation_name(row->operation), "resource",
        acls_resource_name(row->resource), "name", row->name, "pattern",
        row->is_prefix ? "prefixed" : "literal", "note", row->note);
}

static void print_plan(const struct acls_plan *plan, bool as_json)
{
    json_t *list = json_array();

    for (size_t i = 0; i < plan->count; i++) {
        if (as_json) {
            (void)json_array_append_new(list, row_json(&plan->rows[i]));
        } else {
            print_row(&plan->rows[i]);
        }
    }
    if (as_json) {
        (void)json_dumpf(list, stdout, JSON_INDENT(2));
        (void)fputc('\n', stdout);
    }
    json_decref(list);
    (void)fflush(stdout);
}

/* What to do about it; the exit code. */
static int conclude(const struct acls_plan *plan, bool is_apply)
{
    if (plan->missing > 0 && !is_apply) {
        cli_say("%zu right(s) missing; `forkyard acls apply` grants them",
                plan->missing);
    }
    if (plan->extra > 0) {
        cli_say("%zu ACL(s) beyond these concern the same topics or group; "
                "they are left as they are",
                plan->extra);
    }
    return plan->missing > 0 ? CLI_EXIT_FAILED : 0;
}

static bool wants_apply(const struct cli *cli)
{
    const char *verb = cli->args.count ? cli->args.items[0] : "";

    if (cli->args.count != 1 || cli->rest.count ||
        (strcmp(verb, "plan") != 0 && strcmp(verb, "apply") != 0)) {
        cli_usage_error(&spec, "say plan or apply");
    }
    return !strcmp(verb, "apply");
}

int cmd_acls_main(int argc, char **argv)
{
    struct options options = {0};
    struct acls acls = {0};
    struct acls_plan plan = {0};
    struct acls_grant *grants;
    struct err e = {0};
    struct cli cli;
    bool is_apply;
    int rc = 0;

    cli_parse(&cli, &spec, argc, argv, &options);
    is_apply = wants_apply(&cli);
    if (acls_load(&cli.config, options.file, &acls, &e) < 0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    grants = read_grants(&options.principals, &acls);
    if (acls_plan_make(&cli.config, &acls, grants, options.principals.count,
                       &plan, &e) < 0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    if (is_apply && plan.missing > 0) {
        rc = acls_plan_apply(&cli.config, &plan, &e);
    }
    print_plan(&plan, cli.json);
    if (rc < 0) {
        cli_say("%s", e.msg);
    }
    rc = conclude(&plan, is_apply);
    acls_plan_free(&plan);
    free_grants(grants, options.principals.count);
    acls_free(&acls);
    cli_list_done(&options.principals);
    cli_done(&cli);
    return rc;
}
