// A real identity provider (npm oidc-provider) for tests, on loopback. Arguments: the folder its packages are in, its port,
// the gate's URL, the algorithm of its ID tokens, how a client shows its secret, and, to speak TLS, a folder with `server.pem`
// and `server.key`.
//
// Every start makes new keys, so a restart rotates them. `GET /lie?be=WHAT` makes its next answers at the token endpoint lie.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { pathToFileURL } from 'node:url';

const [folder, port, gate, alg, method, certificate] = process.argv.slice(2);
const from = (name) => import(pathToFileURL(`${folder}/node_modules/${name}`).href);
const { Provider } = await from('oidc-provider/lib/index.js');
const jose = await from('jose/dist/webapi/index.js');

const SECRET = 's3cret+/=&%:x~and-long-enough-for-a-shared-secret';
const issuer = `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`;

const made = async (alg, options) => {
  const { privateKey } = await jose.generateKeyPair(alg, { ...options, extractable: true });
  const jwk = await jose.exportJWK(privateKey);
  return { ...jwk, kid: await jose.calculateJwkThumbprint(jwk), use: 'sig' };
};
const keys = await Promise.all([made('RS256'), made('ES256'), made('EdDSA', { crv: 'Ed25519' })]);
const kty = { RS256: 'RSA', PS256: 'RSA', ES256: 'EC', EdDSA: 'OKP' }[alg];
const signing = keys.find((key) => key.kty === kty);

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'gatehold',
    client_secret: SECRET,
    redirect_uris: [`${gate}/sign-in/callback`],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    id_token_signed_response_alg: alg,
    token_endpoint_auth_method: method,
  }],
  clientAuthMethods: [method],
  jwks: { keys },
  cookies: { keys: ['for tests alone'] },
  claims: { openid: ['sub', 'groups'] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, groups: ['reviewers'] }) }),
});

const now = () => Math.floor(Date.now() / 1000);
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const CHANGES = {
  nonce: { nonce: 'of-another-sign-in' },
  iss: { iss: 'http://127.0.0.1:1' },
  aud: { aud: 'another-client' },
  audiences: { aud: ['gatehold', 'another-client'] },
  azp: { azp: 'another-client' },
  expired: { iat: now() - 7200, exp: now() - 3600 },
  early: { iat: now() + 3600, exp: now() + 7200 },
  stale: { auth_time: now() - 86400 },
  undated: { auth_time: undefined },
  groups: { groups: { reviewers: true } },
  nobody: { sub: 'a\u202eb' },
};

async function lying(token, lie) {
  const claims = { ...jose.decodeJwt(token), ...CHANGES[lie] };
  const header = { alg, kid: signing.kid };
  if (lie === 'unsigned') return `${part({ alg: 'none' })}.${part(claims)}.`;
  if (lie === 'stripped') return `${part(header)}.${part(claims)}.`;
  if (lie === 'shared') {
    // The oldest confusion: the published key, taken for a shared secret.
    const spki = await jose.exportSPKI(await jose.importJWK({ ...signing, d: undefined, p: undefined, q: undefined, dp: undefined, dq: undefined, qi: undefined }, alg, { extractable: true }));
    return new jose.SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: signing.kid }).sign(Buffer.from(spki));
  }
  const jwk = lie === 'forged' ? await made(alg, kty === 'OKP' ? { crv: 'Ed25519' } : {}) : signing;
  if (lie === 'embedded') header.jwk = { kty: 'RSA', n: signing.n, e: signing.e };
  return new jose.SignJWT(claims).setProtectedHeader(header).sign(await jose.importJWK(jwk, alg));
}

let lie = '';
provider.use(async (ctx, next) => {
  if (ctx.path === '/lie') {
    lie = ctx.query.be;
    ctx.body = 'so be it';
    return;
  }
  await next();
  if (ctx.path !== '/token' || lie === '' || !ctx.body?.id_token) return;
  if (lie === 'elsewhere') {
    ctx.status = 307;
    ctx.set('location', `${issuer}/token`);
  } else if (lie === 'huge') {
    ctx.body = { ...ctx.body, more: 'x'.repeat(1024 * 1024) };
  } else if (lie === 'broken') {
    ctx.status = 500;
    ctx.body = 'oops';
  } else if (lie === 'empty') {
    ctx.body = { access_token: ctx.body.access_token, token_type: 'Bearer' };
  } else {
    ctx.body = { ...ctx.body, id_token: await lying(ctx.body.id_token, lie) };
  }
});

const pem = (name) => readFileSync(`${certificate}/${name}`);
const server = certificate
  ? createSecureServer({ cert: pem('server.pem'), key: pem('server.key') }, provider.callback())
  : createServer(provider.callback());
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
