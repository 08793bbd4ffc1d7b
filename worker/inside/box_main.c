/* SPDX-License-Identifier: MIT */
/* box_main.c - the small static program that slot processes and box inits run
 * in: see sys/box_image.h. Nobody but the launcher can start it usefully. */
#include "sys/box_image.h"

int main(void)
{
    struct box_slot slot;

    if (box_image_enter(&slot) < 0) {
        return 1;
    }
    box_slot_serve(&slot);
}
