#!/usr/bin/perl
# SPDX-License-Identifier: MIT
use strict;
use warnings;

for my $text (@ARGV) {
    my $letters = lc $text =~ s/[^A-Za-z]//gr;
    print $letters eq reverse($letters) ? "" : "not a ", "palindrome: $text\n";
}
