/* SPDX-License-Identifier: MIT */
/* yaml_list.c - see yaml_list.h. Runs in the command line tools and in the
 * embedded broker; opens the one file it is told to. */
#include "svc/yaml_list.h"

#include <string.h>

#include "base/buf.h"
#include "base/fd.h"

#define FILE_MAX_BYTES 1048576

int yaml_list_bad(const char *key, const yaml_node_t *node, const char *what,
                  struct err *e)
{
    return err_set(e, ERR_INPUT, "%s line %zu: %s", key,
                   node->start_mark.line + 1, what);
}

const char *yaml_list_text(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE
               ? (const char *)node->data.scalar.value
               : NULL;
}

static int read_root(const struct yaml_list *l, yaml_document_t *document,
                     struct err *e)
{
    yaml_node_t *root = yaml_document_get_root_node(document);
    const yaml_node_pair_t *first = NULL;
    const char *key = NULL;
    yaml_node_t *list = NULL;

    if (root && root->type == YAML_MAPPING_NODE) {
        first = root->data.mapping.pairs.start;
    }
    if (first && first + 1 == root->data.mapping.pairs.top) {
        key = yaml_list_text(yaml_document_get_node(document, first->key));
        list = yaml_document_get_node(document, first->value);
    }
    if (!key || strcmp(key, l->key) != 0 || list->type != YAML_SEQUENCE_NODE) {
        return err_set(e, ERR_INPUT, "one key, %s, with a list, expected",
                       l->key);
    }
    for (yaml_node_item_t *item = list->data.sequence.items.start;
         item < list->data.sequence.items.top; item++) {
        if (l->read(document, yaml_document_get_node(document, *item), l->arg,
                    e) < 0) {
            return -1;
        }
    }
    return 0;
}

static int read_text(const struct yaml_list *l, const void *text, size_t size,
                     struct err *e)
{
    yaml_document_t document;
    yaml_parser_t parser;
    int rc = 0;

    if (!yaml_parser_initialize(&parser)) {
        return err_set(e, ERR_SYSTEM, "libyaml: no memory");
    }
    yaml_parser_set_input_string(&parser, text, size);
    if (!yaml_parser_load(&parser, &document)) {
        rc = err_set(e, ERR_INPUT, "%s line %zu: %s", l->key,
                     parser.problem_mark.line + 1,
                     parser.problem ? parser.problem : "no YAML");
    } else {
        rc = read_root(l, &document, e);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return rc;
}

int yaml_list_load(const struct yaml_list *list, struct err *e)
{
    struct buf AUTO_BUF file;

    buf_init(&file, FILE_MAX_BYTES);
    if (!list->path) {
        return read_text(list, list->text, list->size, e);
    }
    if (fd_read_file(list->path, &file, e) < 0) {
        return err_wrap(e, "%s file", list->key);
    }
    /* libyaml asserts on the NULL of an empty buffer */
    return read_text(list, file.len ? (const void *)file.data : "", file.len,
                     e);
}
