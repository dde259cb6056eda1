// OAuth's flows by oauth4webapi: flows.mjs ISSUER CLIENT REDIRECT. It asks for a person by a line on standard output ("open URL", "device URL"),
// reads what came of it from standard input, and closes with "done". The library refuses what the RFCs refuse; this says what it expects beyond that.

import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import * as oauth from 'oauth4webapi';

const [issuer, client_id, redirect] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ask = async (kind, text) => {
  console.log(`${kind} ${text}`);
  return (await lines.next()).value;
};

const client = { client_id };
const none = oauth.None();
const found = await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2' });
const server = await oauth.processDiscoveryResponse(new URL(issuer), found);

async function code(options) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id,
    redirect_uri: redirect,
    response_type: 'code',
    scope: 'sql workstation.config',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
  });
  const back = new URL(await ask('open', url.href));
  const answer = oauth.validateAuthResponse(server, client, back, state);
  const request = () => oauth.authorizationCodeGrantRequest(server, client, none, answer, redirect, verifier, options);
  return { tokens: await oauth.processAuthorizationCodeResponse(server, client, await request()), request };
}

async function refused(work, error) {
  await assert.rejects(work, (met) => {
    assert.equal(met.error, error, String(met));
    return true;
  });
}

// A code, refreshed; the first refresh token again once the second answer was used, which puts the program out.
const { tokens } = await code();
const refresh = async (token) =>
  oauth.processRefreshTokenResponse(server, client, await oauth.refreshTokenGrantRequest(server, client, none, token));
const second = await refresh(tokens.refresh_token);
const used = await oauth.protectedResourceRequest(second.access_token, 'GET', new URL('/api/v1/workstation/config', issuer));
assert.equal(used.status, 200);
await refused(() => refresh(tokens.refresh_token), 'invalid_grant');
await refused(() => refresh(second.refresh_token), 'invalid_grant');

// Bound to a key (DPoP): of this refresh token nobody has anything who has not the key, and who has it goes on.
const keys = await oauth.generateKeyPair('ES256');
const bound = await code({ DPoP: oauth.DPoP(client, keys) });
const bindings = (pair) => ({ DPoP: oauth.DPoP(client, pair) });
const refreshBound = async (token, options) =>
  oauth.processRefreshTokenResponse(server, client, await oauth.refreshTokenGrantRequest(server, client, none, token, options));
await refused(() => refreshBound(bound.tokens.refresh_token), 'invalid_grant');
await refused(async () => refreshBound(bound.tokens.refresh_token, bindings(await oauth.generateKeyPair('ES256'))), 'invalid_grant');
const next = await refreshBound(bound.tokens.refresh_token, bindings(keys));
await refreshBound(next.refresh_token, bindings(keys));

// A code that comes twice.
const again = await code();
await refused(async () => oauth.processAuthorizationCodeResponse(server, client, await again.request()), 'invalid_grant');

// The configuration with the token, and without it once it is revoked.
const third = (await code()).tokens;
const config = () => oauth.protectedResourceRequest(third.access_token, 'GET', new URL('/api/v1/workstation/config', issuer));
assert.equal((await config()).status, 200);
await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, none, third.refresh_token));
await assert.rejects(config);

// A device code.
const begun = await oauth.processDeviceAuthorizationResponse(
  server,
  client,
  await oauth.deviceAuthorizationRequest(server, client, none, { scope: 'sql' }),
);
const poll = async () =>
  oauth.processDeviceCodeResponse(server, client, await oauth.deviceCodeGrantRequest(server, client, none, begun.device_code));
await refused(poll, 'authorization_pending');
await ask('device', begun.verification_uri_complete);
await new Promise((resolve) => setTimeout(resolve, begun.interval * 1000 + 500)); // the protocol's own pace
assert.equal((await poll()).scope, 'sql');
console.log('done');
process.exit(0);
