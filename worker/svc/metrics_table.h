/* SPDX-License-Identifier: MIT */
/* metrics_table.h - every figure that a worker shows, one row each.
 *
 * From these rows come GET /metrics, `forkyard metrics` and
 * worker/doc/metrics.md. A row: C name, OpenTelemetry name (one of theirs where
 * there is one), unit (UCUM; a word in braces counts things), two kinds of
 * labels, doc. COUNTERs only grow, GAUGEs are of the moment, TIMES are
 * histograms of seconds. The name that Prometheus sees is made from the other
 * by the rules of OpenTelemetry: metrics_name(). */
#pragma once

/* clang-format off */
#define METRICS_ROWS(COUNTER, GAUGE, TIMES)                                    \
GAUGE  (BUILD,           "forkyard.build.info", "", BUILD, NONE, "1; the labels say which program and which librdkafka this is") \
GAUGE  (START,           "process.start_time", "s", NONE, NONE, "when the worker started, in seconds since 1970") \
GAUGE  (READY,           "forkyard.worker.ready", "", PART_OF_WORKER, NONE, "1 when this part of the worker is ready for jobs: as GET /readyz has it") \
GAUGE  (SLOTS,           "forkyard.worker.slots", "{slot}", NONE, NONE, "jobs that may run at the same time") \
GAUGE  (RUNNING,         "forkyard.jobs.running", "{job}", NONE, NONE, "jobs that run now") \
COUNTER(RECEIVED,        "messaging.client.consumed.messages", "{message}", QUEUE, NONE, "messages taken from the queue, bad ones too") \
COUNTER(FINISHED,        "forkyard.jobs.finished", "{job}", QUEUE, STATUS, "results that the broker has acknowledged, by how the job ended") \
COUNTER(DEAD,            "forkyard.jobs.dead_lettered", "{message}", QUEUE, REASON, "messages that name no job and jobs that have had all their attempts, acknowledged on the dead-letter topic") \
COUNTER(RETRIED,         "forkyard.jobs.retried", "{job}", QUEUE, STATUS, "jobs that wait for another attempt, by how the last one ended") \
COUNTER(DEFERRED,        "forkyard.jobs.deferred", "{job}", QUEUE, NONE, "jobs that came before their time and wait for it") \
GAUGE  (WAITING,         "forkyard.jobs.waiting", "{job}", NONE, NONE, "waiting jobs that this worker holds and will bring back when they are due; others wait in the broker") \
COUNTER(RETURNED,        "forkyard.jobs.returned", "{job}", NONE, NONE, "waiting jobs that this worker has brought back to their queue") \
COUNTER(GIVEN_BACK,      "forkyard.jobs.given_back", "{job}", QUEUE, NONE, "jobs not finished and left to another worker") \
TIMES  (QUEUE_TIME,      "forkyard.job.queue_time", "s", QUEUE, NONE, "from the message's time stamp to the start of the job") \
TIMES  (SETUP_TIME,      "forkyard.job.setup_time", "s", QUEUE, NONE, "from the request for a box to the start of the program in it") \
TIMES  (RUN_TIME,        "forkyard.job.run_time", "s", QUEUE, NONE, "wall time of the program") \
TIMES  (PROCESS_TIME,    "messaging.process.duration", "s", QUEUE, NONE, "from taking the message to the acknowledged result") \
COUNTER(BOX_ENDED,       "forkyard.boxes.ended", "{box}", BY, NONE, "boxes that something ended before they ended by themselves, by what did") \
COUNTER(LIMIT_REACHED,   "forkyard.jobs.limit_reached", "{job}", LIMIT, NONE, "jobs ended by a limit, by limit") \
COUNTER(BOX_FAILED,      "forkyard.boxes.failed", "{box}", NONE, NONE, "boxes that could not be made: clone, mounts, limits") \
GAUGE  (UNPUBLISHED,     "forkyard.results.unpublished", "{result}", NONE, NONE, "results and dead letters that wait for the broker") \
COUNTER(RESENT,          "forkyard.results.resent", "{result}", NONE, NONE, "times a result or dead letter was sent again") \
GAUGE  (PARTITIONS,      "forkyard.consumer.partitions", "{partition}", NONE, NONE, "partitions assigned to this worker") \
GAUGE  (FETCHED,         "forkyard.consumer.fetched", "{message}", NONE, NONE, "messages in memory and not taken") \
COUNTER(REBALANCES,      "forkyard.consumer.rebalances", "{change}", CHANGE, NONE, "changes of the assignment") \
COUNTER(COMMITS,         "forkyard.consumer.commits", "{commit}", OUTCOME, NONE, "offset commits that were answered") \
GAUGE  (ENDS_AGE,        "forkyard.consumer.ends.age", "s", NONE, NONE, "since the broker last told where the partitions end") \
GAUGE  (UNFINISHED,      "forkyard.jobs.unfinished", "{job}", PARTITION, NONE, "messages not finished, taken or not: the figure to scale on. Not the committed lag: what is finished beyond an unfinished job is not counted") \
GAUGE  (IN_FLIGHT,       "forkyard.partition.in_flight", "{job}", PARTITION, NONE, "messages taken and not finished") \
GAUGE  (AGE,             "forkyard.partition.watermark.age", "s", PARTITION, NONE, "how long the oldest unfinished job has been taken or, once started, runs; 0: there is none") \
GAUGE  (SPAN,            "forkyard.partition.span", "{message}", PARTITION, NONE, "from the watermark, which is what a commit says, to the newest message taken") \
GAUGE  (METADATA,        "forkyard.partition.commit.metadata", "By", PARTITION, NONE, "the finished set beyond the watermark, as the last commit carried it; at most 4096") \
GAUGE  (OUT_MESSAGES,    "forkyard.producer.queue.messages", "{message}", PRODUCER, NONE, "records that wait for the broker's acknowledgement") \
GAUGE  (OUT_BYTES,       "forkyard.producer.queue.size", "By", PRODUCER, NONE, "keys and values of these") \
COUNTER(OUT_SENT,        "messaging.client.sent.messages", "{message}", PRODUCER, NONE, "records acknowledged") \
COUNTER(OUT_FAILED,      "forkyard.producer.failures", "{message}", PRODUCER, NONE, "records not delivered; results are sent again, telemetry is lost") \
COUNTER(KAFKA_ERRORS,    "forkyard.kafka.errors", "{error}", ERROR, NONE, "what Kafka refused: connections, rights, topics, sizes; the log says what to do about it") \
GAUGE  (GUARD_VALUE,     "forkyard.guard.value", "", FIGURE, NONE, "what the guard last measured of the host, in per cent or a number") \
GAUGE  (GUARD_THRESHOLD, "forkyard.guard.threshold", "", FIGURE, NONE, "its limit; 0: not looked at") \
GAUGE  (GUARD_TRIPPED,   "forkyard.guard.tripped", "", FIGURE, NONE, "1 while no jobs are taken because of it") \
COUNTER(CPU,             "process.cpu.time", "s", PROCESS, NONE, "CPU time of engine and launcher; jobs are not in it") \
GAUGE  (MEMORY,          "process.memory.usage", "By", PROCESS, NONE, "resident memory") \
GAUGE  (THREADS,         "process.thread.count", "{thread}", PROCESS, NONE, "threads") \
GAUGE  (FILES,           "process.unix.file_descriptor.count", "{file_descriptor}", PROCESS, NONE, "open descriptors")
