/* SPDX-License-Identifier: MIT */
/* fy_error.c - errors of the library, and the two functions that belong to
 * nothing. Runs in any program; prints nothing. */
#include "lib/fy_error.h"

#include <stdlib.h>
#include <string.h>

#include "base/version.h"

_Static_assert((int)FY_ERROR_INPUT == ERR_INPUT &&
                   (int)FY_ERROR_RETRY == ERR_RETRY &&
                   (int)FY_ERROR_LIMIT == ERR_LIMIT &&
                   (int)FY_ERROR_SYSTEM == ERR_SYSTEM &&
                   (int)FY_ERROR_BUG == ERR_BUG,
               "the public codes are our kinds");
_Static_assert(sizeof(((struct fy_error *)0)->text) ==
                   sizeof(((struct err *)0)->msg),
               "no text is cut on its way");

int fy_error_set(struct fy_error *out, const struct err *e)
{
    if (out) {
        out->code = (int)e->kind;
        out->sys = e->sys;
        memcpy(out->text, e->msg, sizeof(out->text));
    }
    return -1;
}

int fy_error_get(const struct fy_error *error, struct err *out)
{
    out->kind = (enum err_kind)error->code;
    out->sys = error->sys;
    memcpy(out->msg, error->text, sizeof(out->msg));
    return -1;
}

const char *fy_version(void)
{
    return FORKYARD_VERSION;
}

void fy_free(void *p)
{
    free(p);
}
