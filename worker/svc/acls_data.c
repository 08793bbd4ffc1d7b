/* SPDX-License-Identifier: MIT */
/* acls_data.c - broker-config/acls.yaml inside the program. */
#include "svc/acls.h"
#include "svc/embed.h"

EMBED_FILE(acls_data, "broker-config/acls.yaml");
