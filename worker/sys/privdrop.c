/* SPDX-License-Identifier: MIT */
/* privdrop.c - see privdrop.h. Runs once in the engine, after the launcher was
 * forked and before anything from outside is read. */
#include "sys/privdrop.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>

#include "sys/caps.h"

static int change_user(const char *user, struct err *e)
{
    const struct passwd *pw = getpwnam(user);

    if (!pw) {
        return err_set(e, ERR_INPUT,
                       "worker.user: no user \"%s\" on this "
                       "host",
                       user);
    }
    if (pw->pw_uid == 0) {
        return err_set(e, ERR_INPUT, "worker.user: \"%s\" is root", user);
    }
    if (setgroups(1, &pw->pw_gid) < 0 ||
        setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0) {
        return err_sys(e, "becoming %s", user);
    }
    /* The check: none of the three ids is root's, and there is no way back. */
    if (getuid() == 0 || geteuid() == 0 || getgid() == 0 || getegid() == 0 ||
        setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0) {
        return err_set(e, ERR_BUG, "still root after becoming %s", user);
    }
    return 0;
}

int privdrop_to_user(const char *user, struct err *e)
{
    int is_root = geteuid() == 0;
    int death_signal = 0; /* the change of user would forget it */

    (void)prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
    /* While it can still be done: the bounding set. */
    if (is_root && caps_keep_for_setuid() < 0) {
        return err_sys(e, "dropping capabilities");
    }
    if (is_root && change_user(user, e) < 0) {
        return -1;
    }
    if (prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        return err_sys(e, "no_new_privs");
    }
    if (is_root && !(caps_sets_are_empty() && caps_bound_is_empty())) {
        return err_set(e, ERR_BUG, "capabilities are left after becoming %s",
                       user);
    }
    return 0;
}
