/* SPDX-License-Identifier: MIT */
/* sample.c - prints the sample file of settings, so that make can write
 * deploy/forkyard.yaml and lint can see that it is current. A build tool; not
 * installed. */
#include <stdio.h>

#include "wire/config.h"

int main(void)
{
    config_print_sample(stdout);
    return fflush(stdout) == 0 ? 0 : 1;
}
