/* SPDX-License-Identifier: MIT */
/* embed.h - a file of the tree inside the program, so that it is there without
 * being installed. */
#pragma once

/* Defines `const char NAME[]` and `const uint64_t NAME_size`. The path is
 * relative to where the compiler runs: the top of the tree. */
#define EMBED_FILE(name, path)                                                 \
    __asm__(".pushsection .rodata\n"                                           \
            ".globl " #name "\n"                                               \
            ".type " #name ", @object\n" #name ":\n"                           \
            ".incbin \"" path "\"\n" #name "_end_:\n"                          \
            ".size " #name ", " #name "_end_ - " #name "\n"                    \
            ".balign 8\n"                                                      \
            ".globl " #name "_size\n"                                          \
            ".type " #name "_size, @object\n" #name "_size:\n"                 \
            ".quad " #name "_end_ - " #name "\n"                               \
            ".size " #name "_size, 8\n"                                        \
            ".popsection\n")
