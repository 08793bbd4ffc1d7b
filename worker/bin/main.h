/* SPDX-License-Identifier: MIT */
/* main.h - the commands main.c knows. Each gets its own name as argv[0] and
 * returns the exit code of the process. */
#pragma once

int dev_main(int argc, char **argv);
int cmd_run_main(int argc, char **argv);
int cmd_submit_main(int argc, char **argv);
int cmd_results_main(int argc, char **argv);
int cmd_topics_main(int argc, char **argv);
int cmd_acls_main(int argc, char **argv);
int cmd_dead_main(int argc, char **argv);
int cmd_check_main(int argc, char **argv);
int cmd_metrics_main(int argc, char **argv);
int cmd_version_main(int argc, char **argv);
int worker_main(int argc, char **argv);
int broker_main(int argc, char **argv);
int bench_main(int argc, char **argv);
int bench_echo_main(int argc, char **argv);
