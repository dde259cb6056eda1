// What tedious and @tediousjs/connection-string (the parser of the package mssql) make of the connection strings in vectors.json.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../tedious/package.json', import.meta.url));
const { Connection } = require('tedious');
const { parse } = require('@tediousjs/connection-string');

// ADO.NET's keywords and ODBC's, in the rules that both parsers share.
const readers = {
  sqlclient(text) {
    const read = parse(text);
    return {
      server: read.get('data source'), database: read.get('initial catalog'), user: read.get('user id'), password: read.get('password'),
      encrypt: read.get('encrypt'), trust: read.get('trustservercertificate'), name: read.get('hostnameincertificate') ?? null,
    };
  },
  odbc(text) {
    const read = parse(text);
    return {
      server: read.get('server'), database: read.get('database'), user: read.get('uid'), password: read.get('pwd'),
      encrypt: read.get('encrypt'), trust: read.get('trustservercertificate'), name: read.get('hostnameincertificate') ?? null,
    };
  },
  // tedious reads its configuration when a connection is made, and refuses what it does not understand.
  tedious(text, vector) {
    const { config } = new Connection(JSON.parse(text));
    const { options, authentication } = config;
    assert.equal(options.cryptoCredentialsDetails?.ca ?? null, vector.authority_pem);
    return {
      server: `tcp:${config.server},${options.port}`, database: options.database, user: authentication.options.userName,
      password: authentication.options.password, encrypt: options.encrypt, trust: options.trustServerCertificate, name: options.serverName ?? null,
    };
  },
};

const words = {
  sqlclient: { mandatory: 'True', strict: 'Strict', trust: 'False' },
  odbc: { mandatory: 'yes', strict: 'strict', trust: 'no' },
  tedious: { mandatory: true, strict: 'strict', trust: false },
};

const vectors = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8'));
assert.ok(vectors.length > 50, 'the vectors were read');
let good = 0;
let bad = 0;
for (const [number, vector] of vectors.entries()) {
  for (const [format, read] of Object.entries(readers)) {
    try {
      assert.deepEqual(read(vector.strings[format], vector), {
        server: `tcp:${vector.host},${vector.port}`, database: vector.database, user: vector.user, password: vector.password,
        encrypt: words[format][vector.encryption], trust: words[format].trust, name: vector.certificate_name,
      });
      good += 1;
    } catch (error) {
      bad += 1;
      console.log(`FAILED: ${format}, vector ${number}: ${error.message}`);
    }
  }
}
// The last line is for check.py: good, bad.
console.log(JSON.stringify([good, bad]));
