/* SPDX-License-Identifier: MIT */
/* topics_data.c - broker-config/topics.yaml inside the program, so that it is
 * there without being installed. The path is relative to where the compiler
 * runs: the top of the tree. */
#include "svc/topics.h"

__asm__(".pushsection .rodata\n"
        ".globl topics_data\n"
        ".type topics_data, @object\n"
        "topics_data:\n"
        ".incbin \"broker-config/topics.yaml\"\n"
        "topics_data_end_:\n"
        ".size topics_data, topics_data_end_ - topics_data\n"
        ".balign 8\n"
        ".globl topics_data_size\n"
        ".type topics_data_size, @object\n"
        "topics_data_size:\n"
        ".quad topics_data_end_ - topics_data\n"
        ".size topics_data_size, 8\n"
        ".popsection\n");
