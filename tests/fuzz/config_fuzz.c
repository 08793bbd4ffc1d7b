/* SPDX-License-Identifier: MIT */
/* config_fuzz.c - can any file of settings break the loader? What it accepts,
 * it must also be able to print. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "wire/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FD int fd = -1;
    char path[64];
    struct config config;
    struct err e;

    /* Without bytes there is nothing to seal, and nothing to find. */
    if (size == 0 || fd_memfd_sealed("config", data, size, &fd, &e) < 0) {
        return 0;
    }
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    config_init(&config);
    if (config_load_file(&config, path, &e) == 0) {
        FILE *nowhere = fopen("/dev/null", "w");

        if (nowhere != NULL) {
            config_print(&config, false, nowhere);
            config_print(&config, true, nowhere);
            (void)fclose(nowhere);
        }
    } else if (strnlen(e.msg, sizeof(e.msg)) == sizeof(e.msg)) {
        __builtin_trap();
    }
    config_done(&config);
    return 0;
}
