/* SPDX-License-Identifier: MIT */
/* seccomp_listen.c - see seccomp_listen.h. Runs in box init. */
#include "sys/seccomp_listen.h"

#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>

/* The kernel writes as much as its own struct has, ours may be older. Newer
 * ones have some bytes more; this is ten times today's. */
union notice {
    struct seccomp_notif notif;
    char room[800];
};

int seccomp_listen_receive(int listener_fd, struct seccomp_notice *out)
{
    union notice got;

    memset(&got, 0, sizeof(got)); /* the kernel wants it so */
    if (ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_RECV, &got) < 0) {
        return -1;
    }
    const struct seccomp_data *data = &got.notif.data;
    *out = (struct seccomp_notice){
        .id = got.notif.id,
        .call = {.arch = data->arch, .number = data->nr},
        .is_foreign = seccomp_call_is_foreign(data->arch, data->nr),
        .args = {data->args[0], data->args[1], data->args[2]},
    };
    return 0;
}

static int answer(int listener_fd, struct seccomp_notif_resp *response)
{
    return ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SEND, response);
}

int seccomp_listen_allow(int listener_fd, const struct seccomp_notice *notice)
{
    struct seccomp_notif_resp response = {
        .id = notice->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

    return answer(listener_fd, &response);
}

int seccomp_listen_refuse(int listener_fd, const struct seccomp_notice *notice,
                          int sys)
{
    struct seccomp_notif_resp response = {.id = notice->id, .error = -sys};

    return answer(listener_fd, &response);
}
