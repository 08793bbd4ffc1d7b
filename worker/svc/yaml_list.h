/* SPDX-License-Identifier: MIT */
/* yaml_list.h - the files of broker-config/: one key with a list of maps. Read
 * strictly, with the line in every complaint. */
#pragma once

#include <stddef.h>
#include <yaml.h>

#include "base/base.h"
#include "base/err.h"

struct yaml_list {
    const char *key;  /* of the file, and what complaints begin with */
    const char *path; /* NULL: the text */
    const char *text;
    size_t size;
    /* One entry of the list. */
    int (*read)(yaml_document_t *document, yaml_node_t *entry, void *arg,
                struct err *e);
    void *arg;
};

/* Calls read for each entry until one fails. */
int yaml_list_load(const struct yaml_list *list, struct err *e) MUST_USE;

/* ERR_INPUT, with the node's line. Returns -1. */
int yaml_list_bad(const char *key, const yaml_node_t *node, const char *what,
                  struct err *e);
/* NULL when it is no plain value. */
const char *yaml_list_text(const yaml_node_t *node);
