/* SPDX-License-Identifier: MIT */
/* slot_process.h - a slot's process from the launcher's side: born in the
 * slot's network and cgroup, told its ids, waited for, ended. What it does
 * itself stands in sys/box.c. */
#pragma once

#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "run/slot.h"

/* One in this network (enum launch_network), a new one when need be; in that
 * case it takes a few hundred microseconds. The slot must have no box. */
int slot_process_ensure(struct slot *slot, uint32_t network,
                        struct err *e) MUST_USE;
/* Kills and reaps it. A box it has made lives on, and goes on reporting. */
void slot_process_end(struct slot *slot);
/* Closes one of the slot's descriptors, if it is held. */
void slot_process_drop_fd(struct slot *slot, int *fd);
/* Ends boxes that no slot knows, when l->has_strangers says that there may be
 * some and it can be told. */
void slot_process_reap_strangers(struct launcher *l);
