/* SPDX-License-Identifier: MIT */
/* with_parent.c - ties a child's life to its parent's, then becomes it.
 *
 * Runs between `forkyard dev` and each process it starts, because libuv cannot
 * ask for PR_SET_PDEATHSIG. Never returns to its caller when all is well. */
#include "bin/with_parent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/str.h"
#include "bin/cli.h"

/* PID -- CMD at least */
#define MIN_ARGS 4

/* The kernel forgets PR_SET_PDEATHSIG when a process changes its user, as a
 * worker does. Our stdin is a socket whose other end the parent holds: its end
 * is signalled to us whoever we are by then, as long as stdin stays open. */
static int kill_on_hangup(void)
{
    int flags = fcntl(STDIN_FILENO, F_GETFL);

    if (flags < 0 || fcntl(STDIN_FILENO, F_SETOWN, getpid()) < 0 ||
        fcntl(STDIN_FILENO, F_SETSIG, SIGKILL) < 0) {
        return -1;
    }
    return fcntl(STDIN_FILENO, F_SETFL, flags | O_ASYNC);
}

int with_parent_main(int argc, char **argv)
{
    uint64_t parent = 0;

    if (argc < MIN_ARGS || strcmp(argv[2], "--") != 0 ||
        str_parse_u64(argv[1], &parent, NULL) < 0) {
        cli_die(CLI_EXIT_USAGE, "with-parent PID -- CMD...: only for "
                                "processes forkyard starts itself");
    }
    if (kill_on_hangup() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
        cli_die(CLI_EXIT_FAILED, "cannot be tied to the parent: %s",
                strerror(errno));
    }
    /* The parent may have ended before the line above: then nobody would tell
     * us any more. */
    if ((uint64_t)getppid() != parent) {
        return CLI_EXIT_FAILED;
    }
    (void)execvp(argv[3], argv + 3);
    cli_die(errno == ENOENT ? WITH_PARENT_EXIT_NOT_FOUND : CLI_EXIT_FAILED,
            "cannot start %s: %s", argv[3], strerror(errno));
}
