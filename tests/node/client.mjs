// SPDX-License-Identifier: MIT
// client.mjs - a producer and consumer that knows nothing of Forkyard but the
// schemas: submits jobs with kafkajs and @msgpack/msgpack, reads the results,
// judges both with ajv. Prints TAP. Started by tests/system/node_client.sh:
//
//     node client.mjs HOST:PORT SCHEMAS-FOLDER NODE-MODULES-OWNER
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [brokers, schemas, owner] = process.argv.slice(2);
const require = createRequire(join(owner, 'package.json'));
const { Kafka, logLevel } = require('kafkajs');
const { encode, decode } = require('@msgpack/msgpack');
const Ajv = require('ajv/dist/2020').default;

const RESULTS_DEADLINE_MS = 60000;

const ajv = new Ajv({ allErrors: true, strict: false });
const valid = {};
for (const name of ['job', 'result', 'chunk', 'event', 'audit', 'cancel']) {
  const text = readFileSync(join(schemas, `${name}.json`), 'utf8');
  valid[name] = ajv.compile(JSON.parse(text));
}

// As schemas/README.md says: bytes are text when they are, else base64.
function plain(value) {
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value);
    const text = bytes.toString('utf8');
    return Buffer.from(text).equals(bytes) && !text.includes('\0')
      ? text
      : { base64: bytes.toString('base64') };
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([k, v]) => [k, plain(v)]));
  }
  // ajv knows no BigInt; what is left of a nanosecond time is enough for it.
  return typeof value === 'bigint' ? Number(value) : value;
}

function errorsOf(name, message) {
  return valid[name](plain(message)) ? '' : ajv.errorsText(valid[name].errors);
}

const text = (bytes) => Buffer.from(bytes ?? []).toString('utf8');
const script = (...lines) => Buffer.from(lines.join('\n') + '\n');
const nowNano = () => BigInt(Date.now()) * 1000000n;

// What is sent, and what must come back.
const cases = [
  {
    name: 'python: code, args, stdin, labels',
    job: {
      language: 'python',
      code: 'import sys\nprint(sys.argv[1] + sys.stdin.read())',
      args: ['käse'],
      stdin: new Uint8Array([49, 50]),
      labels: { team: 'blue' },
    },
    status: 'success',
    stdout: 'käse12\n',
    also: (r) => r.labels.team === 'blue' && r.exit_code === 0,
  },
  {
    name: 'shell: env, exit code, stderr',
    job: {
      language: 'shell',
      code: 'echo "$FRUIT" >&2; exit 3',
      env: { FRUIT: 'pear' },
    },
    status: 'nonzero_exit',
    stdout: '',
    also: (r) => r.exit_code === 3 && text(r.stderr) === 'pear\n',
  },
  {
    name: 'node: files and entrypoint',
    job: {
      language: 'node',
      entrypoint: 'src/main.js',
      files: [
        { path: 'src/main.js', content: 'console.log(require("./sum")(2, 3))' },
        { path: 'src/sum.js', content: 'module.exports = (a, b) => a + b' },
      ],
    },
    status: 'success',
    stdout: '5\n',
  },
  {
    name: 'binary: a script by its first line',
    job: { language: 'binary', code: script('#!/bin/sh', 'printf "%s" "$1"'),
      args: ['by itself'] },
    status: 'success',
    stdout: 'by itself',
  },
  {
    name: 'binary: an ELF file of this machine',
    job: { language: 'binary', code: readFileSync('/bin/echo'),
      args: ['from', 'ELF'] },
    status: 'success',
    stdout: 'from ELF\n',
  },
  {
    name: 'bytes that are no text',
    job: { language: 'python', code:
      'import sys; sys.stdout.buffer.write(bytes(range(256)))' },
    status: 'success',
    also: (r) => Buffer.from(r.stdout).equals(
      Buffer.from([...Array(256).keys()])),
  },
  {
    name: 'numbers as JavaScript sends them',
    job: { language: 'shell', code: 'while :; do :; done',
      limits: { wall_time_ms: 300.0, memory_bytes: 2 ** 27 } },
    status: 'time_limit_exceeded',
    also: (r) => r.termination.limit === 'wall_time'
      && Number(r.termination.limit_value) === 300,
  },
  {
    name: '64-bit numbers',
    job: { language: 'shell', code: 'echo x',
      created_unix_nano: nowNano(), expires_unix_nano: nowNano() * 2n },
    status: 'success',
    stdout: 'x\n',
  },
  {
    name: 'a limit over the maximum',
    job: { language: 'shell', code: 'true', limits: { memory_bytes: 9e12 } },
    status: 'validation_error',
    also: (r) => r.status_reason.includes('limits.memory_bytes'),
  },
];
cases.forEach((c, i) => {
  c.job = { v: 1, job_id: `node-${process.pid}-${i}`, ...c.job };
});

let count = 0;
let failed = 0;
function check(name, wrong) {
  count += 1;
  failed += wrong ? 1 : 0;
  console.log(`${wrong ? 'not ok' : 'ok'} ${count} - ${name}`);
  if (wrong) {
    console.log(`# ${String(wrong).replaceAll('\n', '\n# ')}`);
  }
}

function wrongWith(c, result) {
  const seen = `${result.status}: ${result.status_reason ?? ''} `
    + `${text(result.stdout)} ${text(result.stderr)}`;
  if (errorsOf('result', result)) {
    return errorsOf('result', result);
  }
  if (result.status !== c.status
      || result.success !== (c.status === 'success')) {
    return `wanted ${c.status}, got ${seen}`;
  }
  if (c.stdout !== undefined && text(result.stdout) !== c.stdout) {
    return `wanted '${c.stdout}', got ${seen}`;
  }
  return c.also && !c.also(result) ? `not as wanted: ${seen}` : '';
}

// Resolves when the first result of each job has come.
function resultsOf(consumer, ids) {
  const found = new Map();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(
      `${found.size} of ${ids.size} results`)), RESULTS_DEADLINE_MS);
    consumer.run({
      eachMessage: async ({ message }) => {
        const result = decode(message.value, { useBigInt64: false });
        if (ids.has(result.job_id) && !found.has(result.job_id)) {
          found.set(result.job_id, { result, message });
        }
        if (found.size === ids.size) {
          clearTimeout(timer);
          resolve(found);
        }
      },
    }).catch(reject);
  });
}

async function main() {
  const kafka = new Kafka({ clientId: 'tests', brokers: [brokers],
    logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  // The embedded broker does not wait for data: ask often.
  const consumer = kafka.consumer({ groupId: `tests-${process.pid}`,
    maxWaitTimeInMs: 20 });
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topic: 'forkyard.results', fromBeginning: true });
  for (const c of cases) {
    check(`${c.name}: the job is by its schema`, errorsOf('job', c.job));
  }
  await producer.send({
    topic: 'forkyard.jobs.default',
    messages: cases.map((c) => ({
      key: c.job.job_id,
      value: Buffer.from(encode(c.job, { useBigInt64: true })),
      headers: { 'content-type': 'application/vnd.msgpack' },
    })),
  });
  const found = await resultsOf(consumer,
    new Set(cases.map((c) => c.job.job_id)));
  for (const c of cases) {
    const { result, message } = found.get(c.job.job_id);
    check(c.name, wrongWith(c, result));
    check(`${c.name}: key and headers`,
      message.key.toString() === c.job.job_id
        && message.headers['forkyard-schema'].toString() === 'result/1'
        ? '' : JSON.stringify(message.headers));
  }
  await Promise.all([producer.disconnect(), consumer.disconnect()]);
}

main().catch((why) => check('the client', why.stack)).finally(() => {
  console.log(`1..${count}`);
  // kafkajs keeps timers for a while after disconnect.
  process.exit(failed ? 1 : 0);
});
