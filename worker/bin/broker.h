/* SPDX-License-Identifier: MIT */
/* broker.h - the embedded broker of `forkyard dev`.
 *
 *     forkyard broker [--port N]
 *
 * A process of its own: librdkafka's mock cluster aborts on what it does not
 * expect. Prints {"kafka": "127.0.0.1:PORT"} when ready, and ends when its
 * standard input does, on SIGTERM or SIGINT, and with its parent. */
#pragma once

int broker_main(int argc, char **argv);
