// The tedious driver (JavaScript): the job comes on standard input, the answer goes to standard output (see drivers/job.py).

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Connection, Request, TYPES } from 'tedious';

const NUMBERS = 'dbo.gatehouse_lab_numbers';
const BULK_ROWS = 5000;
const BULK_COLUMNS = '(id int NOT NULL, name nvarchar(80) NULL, price float NULL, payload varbinary(200) NULL)';

class NotApplicable extends Error {}

// Connections and requests as promises.

function connect(job, { packetSize, timeout } = {}) {
  const config = {
    server: job.host,
    authentication: job.token
      ? { type: 'azure-active-directory-access-token', options: { token: job.token } }
      : { type: 'default', options: { userName: job.user, password: job.password } },
    options: {
      ...(job.instance ? { instanceName: job.instance } : { port: job.port }),
      database: job.database,
      encrypt: job.mode === 'strict' ? 'strict' : job.mode !== 'clear',
      trustServerCertificate: !job.ca_file,
      cryptoCredentialsDetails: job.ca_file ? { ca: readFileSync(job.ca_file) } : {},
      appName: job.app_name,
      workstationId: job.host_name,
      connectTimeout: 20000,
      requestTimeout: timeout ?? 120000,
      cancelTimeout: 10000,
      ...(packetSize ? { packetSize } : {}),
    },
  };
  return new Promise((resolve, reject) => {
    const connection = new Connection(config);
    connection.on('error', () => {}); // told again by the request that meets it
    connection.connect((error) => (error ? reject(error) : resolve(connection)));
  });
}

async function connected(job, options, work) {
  const connection = await connect(job, options);
  try {
    return await work(connection);
  } finally {
    await close(connection);
  }
}

function close(connection) {
  return new Promise((resolve) => {
    if (connection.closed) return resolve();
    connection.on('end', resolve);
    connection.close();
  });
}

function run(connection, sql, { parameters = [], onRow, batch = false } = {}) {
  return new Promise((resolve, reject) => {
    const rows = [];
    const request = new Request(sql, (error) => (error ? reject(error) : resolve(rows)));
    for (const [name, type, value] of parameters) request.addParameter(name, type, value);
    request.on('row', (columns) => {
      const row = columns.map((column) => column.value);
      if (onRow) onRow(row, request);
      else rows.push(row);
    });
    if (batch) connection.execSqlBatch(request);
    else connection.execSql(request);
  });
}

const session = async (connection) => (await run(connection, 'SELECT @@SPID'))[0][0];

// What is compared: the same digests as drivers/job.py.

function digestOfNumbers() {
  const hash = createHash('sha256');
  const seen = { rows: 0, sum: 0 };
  return {
    add([number, label]) {
      seen.rows += 1;
      seen.sum += number;
      hash.update(`${number}:${label}\n`);
    },
    end: () => ({ ...seen, digest: hash.digest('hex') }),
  };
}

const bigText = (length) => '0123456789abcdef'.repeat(Math.ceil(length / 16)).slice(0, length);
const digestOfText = (text) => ({ length: text.length, digest: createHash('sha256').update(text).digest('hex') });

function bulkRows() {
  return Array.from({ length: BULK_ROWS }, (_, index) => {
    const number = index + 1;
    const payload = Buffer.alloc(20);
    for (let at = 0; at < 20; at += 4) payload.writeUInt32LE(number, at);
    return [number, number % 7 ? `Name ${number} é世` : null, number % 11 ? number * 0.5 : null, number % 13 ? payload : null];
  });
}

function digestOfBulk(rows) {
  const hash = createHash('sha256');
  for (const [number, name, price, payload] of rows) {
    hash.update(`${number}|${name ?? '-'}|${price === null ? '-' : Math.round(price * 2)}|${payload === null ? '-' : payload.toString('hex')}\n`);
  }
  return { rows: rows.length, digest: hash.digest('hex') };
}

async function failing(attempt) {
  const began = performance.now();
  let error = null;
  try {
    await attempt();
  } catch (failure) {
    error = textOf(failure);
  }
  return { error, seconds: (performance.now() - began) / 1000 };
}

function textOf(error) {
  if (error instanceof AggregateError) return error.errors.map(textOf).join('; ');
  return error.cause ? `${error.message} (${error.cause.message})` : error.message;
}

const again = async (job) => (await failing(async () => close(await connect(job)))).error;

// The actions, in the order of the lab's table.

const actions = {
  who: (job) =>
    connected(job, {}, async (connection) => {
      const [[database, login, host, app]] = await run(connection, 'SELECT DB_NAME(), SUSER_SNAME(), HOST_NAME(), APP_NAME()');
      return { database, login, host, app, told: { host: job.host_name, app: job.app_name } };
    }),

  query: (job) =>
    connected(job, {}, async (connection) => {
      const sql = "SELECT 1 AS one, N'Grüße, 世界 🎉' AS greeting, CAST(NULL AS int) AS nothing";
      const [[one, greeting, nothing]] = await run(connection, sql, { batch: true });
      return { one, greeting, nothing };
    }),

  types: (job) =>
    connected(job, {}, async (connection) => {
      const sql = `SELECT CAST(1 AS bit), CAST(9007199254740993 AS bigint), CAST(12345.6789 AS decimal(18,4)), CAST(1.5 AS float),
        CAST('2024-02-29T12:34:56.789' AS datetime2(3)), CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier),
        CAST(0x00FF10 AS varbinary(8)), N'Grüße, 世界 🎉', CAST(NULL AS int)`;
      const [[bit, bigint, decimal, float, when, guid, data, nvarchar, nothing]] = await run(connection, sql);
      return {
        bit, bigint: String(bigint), decimal: String(decimal), float, datetime2: when.toISOString().replace('Z', ''), guid: guid.toUpperCase(),
        varbinary: data.toString('hex'), nvarchar, null: nothing,
      };
    }),

  parameters: (job) =>
    connected(job, {}, async (connection) => {
      const parameters = [['a', TYPES.Int, 41], ['b', TYPES.NVarChar, "O'Brien -- 世界"], ['c', TYPES.Int, null]];
      const [[sum, text, nothing]] = await run(connection, 'SELECT @a + 1, @b, @c', { parameters });
      return { sum, text, nothing };
    }),

  prepared: (job) =>
    connected(job, {}, async (connection) => {
      const labels = [];
      let finished = () => {};
      const request = new Request(`SELECT label FROM ${NUMBERS} WHERE id = @id`, (error) => finished(error));
      request.addParameter('id', TYPES.Int);
      request.on('row', ([label]) => labels.push(label.value));
      const step = (start) =>
        new Promise((resolve, reject) => {
          finished = (error) => (error ? reject(error) : resolve());
          start();
        });
      await new Promise((resolve, reject) => {
        request.once('prepared', resolve);
        finished = (error) => error && reject(error);
        connection.prepare(request);
      });
      for (const id of [1, 500, 99999]) await step(() => connection.execute(request, { id }));
      await step(() => connection.unprepare(request));
      return { labels };
    }),

  server_error: (job) =>
    connected(job, {}, async (connection) => {
      const before = await session(connection);
      const { error } = await failing(() => run(connection, "RAISERROR(N'the lab asks for an error', 16, 1)"));
      return { error, same_session: (await session(connection)) === before };
    }),

  all_rows: (job) =>
    connected(job, {}, async (connection) => {
      const digest = digestOfNumbers();
      await run(connection, `SELECT id, label FROM ${NUMBERS} ORDER BY id`, { onRow: digest.add });
      return digest.end();
    }),

  big_parameter: (job) =>
    connected(job, {}, async (connection) => {
      const [[value, bytes]] = await run(connection, 'SELECT @p AS value, DATALENGTH(@p) AS bytes', {
        parameters: [['p', TYPES.NVarChar, bigText(job.length)]],
      });
      return { ...digestOfText(value), bytes: Number(bytes) };
    }),

  big_value: (job) =>
    connected(job, {}, async (connection) => {
      const sql = `SELECT REPLICATE(CAST(N'0123456789abcdef' AS nvarchar(max)), ${job.length / 16}) AS value`;
      return digestOfText((await run(connection, sql))[0][0]);
    }),

  transactions: (job) =>
    connected(job, {}, (witness) =>
      connected(job, {}, async (connection) => {
        const call = (name) => new Promise((resolve, reject) => connection[name]((error) => (error ? reject(error) : resolve())));
        const count = async (by) => (await run(by, `SELECT COUNT(*) FROM ${job.table}`))[0][0];
        await run(witness, `DROP TABLE IF EXISTS ${job.table}`);
        await run(witness, `CREATE TABLE ${job.table} (id int NOT NULL)`);
        await call('beginTransaction');
        await run(connection, `INSERT INTO ${job.table} (id) VALUES (1), (2)`);
        await call('commitTransaction');
        const committed = await count(witness);
        await call('beginTransaction');
        await run(connection, `INSERT INTO ${job.table} (id) VALUES (3)`);
        const inside = await count(connection);
        await call('rollbackTransaction');
        const rolled_back = await count(witness);
        await run(witness, `DROP TABLE ${job.table}`);
        return { committed, inside, rolled_back };
      }),
    ),

  bulk: (job) =>
    connected(job, {}, async (connection) => {
      await run(connection, `DROP TABLE IF EXISTS ${job.table}`);
      await run(connection, `CREATE TABLE ${job.table} ${BULK_COLUMNS}`);
      await new Promise((resolve, reject) => {
        const load = connection.newBulkLoad(job.table, (error) => (error ? reject(error) : resolve()));
        load.addColumn('id', TYPES.Int, { nullable: false });
        load.addColumn('name', TYPES.NVarChar, { length: 80, nullable: true });
        load.addColumn('price', TYPES.Float, { nullable: true });
        load.addColumn('payload', TYPES.VarBinary, { length: 200, nullable: true });
        connection.execBulkLoad(load, bulkRows());
      });
      const read = digestOfBulk(await run(connection, `SELECT id, name, price, payload FROM ${job.table} ORDER BY id`));
      await run(connection, `DROP TABLE ${job.table}`);
      return read;
    }),

  array_inserts: () => {
    throw new NotApplicable('tedious has no array inserts');
  },

  cancel: (job) =>
    connected(job, {}, async (connection) => {
      const before = await session(connection);
      setTimeout(() => connection.cancel(), 500);
      const failed = await failing(() => run(connection, "WAITFOR DELAY '00:00:30'", { batch: true }));
      return { ...failed, same_session: (await session(connection)) === before };
    }),

  timeout: (job) =>
    connected(job, { timeout: 5000 }, async (connection) => {
      const before = await session(connection);
      const failed = await failing(() => run(connection, "WAITFOR DELAY '00:00:30'", { batch: true }));
      return { ...failed, same_session: (await session(connection)) === before };
    }),

  mars: () => {
    throw new NotApplicable('tedious has no MARS');
  },

  packets: (job) =>
    connected(job, { packetSize: job.packet_size }, async (connection) => {
      const digest = digestOfNumbers();
      await run(connection, `SELECT id, label FROM ${NUMBERS} WHERE id <= 20000 ORDER BY id`, { onRow: digest.add });
      const text = bigText(100000);
      const [[value]] = await run(connection, 'SELECT @p', { parameters: [['p', TYPES.NVarChar, text]] });
      const { rows, sum } = digest.end();
      return { rows, sum, text: value === text, negotiated: connection.messageIo?.packetSize?.() ?? null };
    }),

  pool: (job) =>
    connected(job, {}, async (connection) => {
      const before = await session(connection);
      await run(connection, 'CREATE TABLE #gatehouse_lab (id int)', { batch: true });
      await new Promise((resolve, reject) => connection.reset((error) => (error ? reject(error) : resolve())));
      const [[leftover]] = await run(connection, "SELECT OBJECT_ID('tempdb..#gatehouse_lab')");
      return { same_session: (await session(connection)) === before, leftover };
    }),

  // Reads a long result; the lab has the session ended in the middle of it.
  async ended(job) {
    const connection = await connect(job);
    let rows = 0;
    let failed = null;
    const sql = `SELECT id, label, REPLICATE(N'x', 400) AS padding FROM ${NUMBERS} ORDER BY id`;
    await new Promise((resolve) => {
      const onRow = async (_, request) => {
        rows += 1;
        if (rows !== 1000) return;
        request.pause();
        await say('reading', { rows });
        resumed = performance.now();
        request.resume();
      };
      let resumed = performance.now();
      run(connection, sql, { onRow }).then(
        () => { failed = { error: null, seconds: 0 }; resolve(); },
        (error) => { failed = { error: textOf(error), seconds: (performance.now() - resumed) / 1000 }; resolve(); },
      );
    });
    return { ...failed, rows, again: await again(job) };
  },

  // Holds an idle session; the lab has its account disabled.
  async cut_idle(job) {
    const connection = await connect(job);
    await run(connection, 'SELECT 1');
    await say('idle');
    const failed = await failing(() => run(connection, 'SELECT 1'));
    return { ...failed, again: await again(job) };
  },
};

// The conversation with the lab.

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const write = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

async function say(step, facts = {}) {
  write({ say: step, ...facts });
  await lines.next();
}

const job = JSON.parse((await lines.next()).value);
try {
  const action = actions[job.action];
  if (!action) throw new NotApplicable(`the driver's program has no ${job.action}`);
  write({ saw: await action(job) });
} catch (error) {
  if (error instanceof NotApplicable) write({ na: error.message });
  else write({ error: textOf(error), where: error.stack });
}
process.exit(0);
