// SPDX-License-Identifier: MIT
// submit.mjs - jobs from Node, with kafkajs and @msgpack/msgpack, and nothing
// of ours:
//
//     npm ci     # those two, as package-lock.json has them
//     node submit.mjs [BROKERS [TOPIC-PREFIX]]
//
// Sends three jobs at once and prints how each ended, in the order in which
// they end.
import { randomUUID } from 'node:crypto';
import { decode, encode } from '@msgpack/msgpack';
import kafkajs from 'kafkajs';

const [brokers = '127.0.0.1:9092', prefix = 'forkyard.'] =
  process.argv.slice(2);
const RESULTS = `${prefix}results`;
const RESULTS_TIMEOUT_MS = 60000;

const jobs = [
  { language: 'python', args: ['world'], labels: { example: 'node' },
    code: "import sys; print('hello', sys.argv[1])",
    limits: { wall_time_ms: 5000 } },
  { language: 'shell', code: 'exit 3' },
  { language: 'node', code: "console.log([1, 2, 3].join('+'))" },
].map((job) => ({ job_id: randomUUID(), ...job }));

// What fails is thrown; nothing needs to be logged beside it.
const kafka = new kafkajs.Kafka({ brokers: brokers.split(','),
  logLevel: kafkajs.logLevel.NOTHING });
const admin = kafka.admin();
// The partitioner of Java and libforkyard: jobs with the same key meet on one
// partition, whoever sends them.
const producer = kafka.producer({ idempotent: true,
  createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
// kafkajs reads in groups only: one of its own for each program, or they would
// share the results out. Readers may use those that begin like this one.
const consumer = kafka.consumer({
  groupId: `${prefix}reader.submit-${randomUUID()}`, maxWaitTimeInMs: 500 });
const clients = [admin, producer, consumer];

function show(result) {
  process.stdout.write(`${result.status}: ${Buffer.from(result.stdout)}`);
  if (!result.success) console.log(`(${result.status_reason})`);
}

// Of each job its first result: others may follow, and do not count.
function showResults(ends) {
  const missing = new Set(jobs.map((job) => job.job_id));
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('no result; is a worker there?')),
      RESULTS_TIMEOUT_MS).unref();
    consumer.on(consumer.events.CRASH, (e) => reject(e.payload.error));
    consumer.run({
      autoCommit: false,
      eachMessage: async ({ message }) => {
        if (!missing.delete(message.key.toString())) return;
        show(decode(message.value));
        if (missing.size === 0) resolve();
      },
    }).catch(reject);
    for (const { partition, offset } of ends) {
      consumer.seek({ topic: RESULTS, partition, offset });
    }
  });
}

try {
  await Promise.all(clients.map((client) => client.connect()));
  // Where the results end now, before anything is sent: nothing is missed.
  const ends = await admin.fetchTopicOffsets(RESULTS);
  await producer.send({
    topic: `${prefix}jobs.default`,
    messages: jobs.map((job) => ({
      key: job.session_id ?? job.ordering_key ?? job.job_id,
      value: Buffer.from(encode(job)),
    })),
  });
  await consumer.subscribe({ topic: RESULTS });
  await showResults(ends);
} catch (error) {
  console.error(`submit.mjs: ${error.message}`);
  process.exitCode = 1;
} finally {
  await Promise.all(clients.map((client) => client.disconnect()));
}
