/* SPDX-License-Identifier: MIT */
/* box_data.c - the program of worker/inside inside ours, so that there is one
 * file to install. BOX_IMAGE comes from the makefile; sanitized builds have
 * none. */
#include "run/box_data.h"

#ifdef BOX_IMAGE
#define INCLUDE_IMAGE ".incbin \"" BOX_IMAGE "\"\n"
#else
#define INCLUDE_IMAGE ""
#endif

__asm__(".pushsection .rodata\n"
        ".globl box_data\n"
        ".type box_data, @object\n"
        "box_data:\n" INCLUDE_IMAGE "box_data_end_:\n"
        ".size box_data, box_data_end_ - box_data\n"
        ".balign 8\n"
        ".globl box_data_size\n"
        ".type box_data_size, @object\n"
        "box_data_size:\n"
        ".quad box_data_end_ - box_data\n"
        ".size box_data_size, 8\n"
        ".popsection\n");
