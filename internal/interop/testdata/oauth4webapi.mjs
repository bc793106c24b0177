// What oauth4webapi checks of each answer, step by step, and of the tokens as a resource server.
import assert from 'node:assert/strict';
import { inflateSync } from 'node:zlib';
import { load, privateKey, redirected, run, settings, visit } from './rp.mjs';

const oauth = await load('oauth4webapi');
const jose = await load('jose');
const { api, callback, clients, issuer } = settings;
const plain = { [oauth.allowInsecureRequests]: true };

const as = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), plain));
const basic = oauth.ClientSecretBasic(clients['web-basic'].secret);
const web = { client_id: clients['web-basic'].id };

/** code is an authorization response, checked, with what redeems it. */
const code = async (more, client = web, visiting) => {
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: client.client_id,
    response_type: 'code',
    redirect_uri: callback,
    scope: 'openid profile offline_access read',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...more,
  });
  return { parameters: oauth.validateAuthResponse(as, client, await redirected(url, visiting), state), verifier, nonce };
};

/** nonces is how often the server wanted another nonce in a proof. */
let nonces = 0;

const redeem = async ({ parameters, verifier, nonce }, client = web, authentication = basic, options = {}) => {
  const request = () =>
    oauth.authorizationCodeGrantRequest(as, client, authentication, parameters, callback, verifier, { ...plain, ...options });
  const process = (response) =>
    oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: nonce, requireIdToken: true });
  let response = await request();
  const tokens = await process(response).catch(async (error) => {
    if (!oauth.isDPoPNonceError(error)) throw error;
    nonces++;
    response = await request();
    return process(response);
  });
  await oauth.validateApplicationLevelSignature(as, response, plain);
  return tokens;
};

/** protectedRequest is one that a resource server gets. */
const protectedRequest = (token, headers = {}) =>
  new Request(`${api}/things`, { headers: { authorization: `Bearer ${token}`, ...headers } });

const fails = (promise, { error, status }) =>
  assert.rejects(promise, (e) => {
    assert.equal(e.error ?? e.cause?.[0]?.parameters?.error, error, e.stack);
    if (status) assert.equal(e.status, status);
    return true;
  });

await run({
  code: async () => {
    const tokens = await redeem(await code());
    const claims = oauth.getValidatedIdTokenClaims(tokens);
    const response = await oauth.userInfoRequest(as, web, tokens.access_token, plain);
    const user = await oauth.processUserInfoResponse(as, web, claims.sub, response);
    assert.equal(user.sub, settings.user);
    const read = await oauth.validateJwtAccessToken(as, protectedRequest(tokens.access_token), api, plain);
    assert.equal(read.client_id, web.client_id);
  },

  'code, twice': async () => {
    const got = await code({}, web, { jar: 'twice' });
    const tokens = await redeem(got);
    await fails(redeem(got), { error: 'invalid_grant', status: 400 });
    const again = await oauth.refreshTokenGrantRequest(as, web, basic, tokens.refresh_token, plain);
    await fails(oauth.processRefreshTokenResponse(as, web, again), { error: 'invalid_grant', status: 400 });
  },

  'code, wrong verifier': async () => {
    const got = await code({}, web, { jar: 'verifier' });
    await fails(redeem({ ...got, verifier: oauth.generateRandomCodeVerifier() }), { error: 'invalid_grant', status: 400 });
  },

  'wrong secret': async () => {
    const wrong = oauth.ClientSecretBasic('sds_wrong');
    const response = await oauth.clientCredentialsGrantRequest(as, web, wrong, {}, plain);
    assert.equal(response.status, 401);
    await assert.rejects(oauth.processClientCredentialsResponse(as, web, response), (e) => e.cause[0].scheme === 'basic');
  },

  'wrong redirect_uri': async () => {
    const url = new URL(as.authorization_endpoint);
    url.search = new URLSearchParams({ client_id: web.client_id, response_type: 'code', redirect_uri: `${callback}/x` });
    await assert.rejects(visit(url), /400/);
  },

  'no PKCE': async () => {
    const url = new URL(as.authorization_endpoint);
    url.search = new URLSearchParams({ client_id: web.client_id, response_type: 'code', redirect_uri: callback, scope: 'openid' });
    const end = await redirected(url);
    assert.throws(() => oauth.validateAuthResponse(as, web, end), (e) => e.error === 'invalid_request');
  },

  DPoP: async () => {
    const client = { client_id: clients['spa-dpop'].id };
    const keys = await oauth.generateKeyPair('ES256');
    const DPoP = oauth.DPoP(client, keys);
    const got = await code({ dpop_jkt: await DPoP.calculateThumbprint() }, client);
    const tokens = await redeem(got, client, oauth.None(), { DPoP });
    assert.equal(tokens.token_type, 'dpop');
    assert.equal(nonces, 1);
    const request = protectedRequest(tokens.access_token, { authorization: `DPoP ${tokens.access_token}` });
    const headers = new Headers();
    await DPoP.addProof(new URL(request.url), headers, 'GET', tokens.access_token);
    request.headers.set('dpop', headers.get('dpop'));
    await oauth.validateJwtAccessToken(as, request, api, plain);
    let user = await oauth.userInfoRequest(as, client, tokens.access_token, { ...plain, DPoP });
    if (user.status === 401) user = await oauth.userInfoRequest(as, client, tokens.access_token, { ...plain, DPoP });
    assert.equal((await oauth.processUserInfoResponse(as, client, settings.user, user)).sub, settings.user);
  },

  'pushed request': async () => {
    const client = { client_id: clients['web-jwt'].id };
    const authentication = oauth.PrivateKeyJwt(await privateKey('web-jwt')); // without kid
    const verifier = oauth.generateRandomCodeVerifier();
    const response = await oauth.pushedAuthorizationRequest(
      as,
      client,
      authentication,
      {
        response_type: 'code',
        redirect_uri: callback,
        scope: 'openid',
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      },
      plain,
    );
    const { request_uri, expires_in } = await oauth.processPushedAuthorizationResponse(as, client, response);
    assert.ok(expires_in > 0 && expires_in < 600);
    const url = new URL(as.authorization_endpoint);
    url.search = new URLSearchParams({ client_id: client.client_id, request_uri });
    const parameters = oauth.validateAuthResponse(as, client, await redirected(url)); // no state was sent
    const request = await oauth.authorizationCodeGrantRequest(as, client, authentication, parameters, callback, verifier, plain);
    await oauth.processAuthorizationCodeResponse(as, client, request, { requireIdToken: true });
  },

  'pushed request, by Basic': async () => {
    const response = await oauth.pushedAuthorizationRequest(as, web, basic, { response_type: 'token', redirect_uri: callback }, plain);
    await fails(oauth.processPushedAuthorizationResponse(as, web, response), { error: 'unsupported_response_type', status: 400 });
  },

  'introspection as JSON and as JWT': async () => {
    const response = await oauth.clientCredentialsGrantRequest(as, web, basic, { scope: 'read', resource: api }, plain);
    const tokens = await oauth.processClientCredentialsResponse(as, web, response);
    const server = { client_id: clients.api.id };
    const authentication = oauth.ClientSecretBasic(clients.api.secret);
    for (const requestJwtResponse of [false, true]) {
      const answer = await oauth.introspectionRequest(as, server, authentication, tokens.access_token, { ...plain, requestJwtResponse });
      assert.match(answer.headers.get('content-type'), requestJwtResponse ? /^application\/token-introspection\+jwt/ : /^application\/json/);
      const seen = await oauth.processIntrospectionResponse(as, server, answer);
      assert.equal(seen.active, true);
      assert.equal(seen.client_id, web.client_id);
      if (requestJwtResponse) await oauth.validateApplicationLevelSignature(as, answer, plain);
    }
  },

  revocation: async () => {
    const tokens = await redeem(await code({}, web, { jar: 'revoking' }));
    const revoke = async (token) =>
      oauth.processRevocationResponse(await oauth.revocationRequest(as, web, basic, token, plain));
    await revoke(tokens.access_token);
    await revoke('sdr_unknown');
    const renewed = await oauth.refreshTokenGrantRequest(as, web, basic, tokens.refresh_token, plain);
    await fails(oauth.processRefreshTokenResponse(as, web, renewed), { error: 'invalid_grant', status: 400 });
  },

  'status list': async () => {
    const tokens = await redeem(await code({}, web, { jar: 'status' }));
    const { idx, uri } = jose.decodeJwt(tokens.access_token).status.status_list;
    const keys = jose.createRemoteJWKSet(new URL(as.jwks_uri));
    const bit = async () => {
      const response = await fetch(uri, { headers: { accept: 'application/statuslist+jwt' } });
      assert.match(response.headers.get('content-type'), /^application\/statuslist\+jwt/);
      const { payload } = await jose.jwtVerify(await response.text(), keys, { issuer, typ: 'statuslist+jwt', subject: uri });
      assert.equal(payload.status_list.bits, 1);
      const list = inflateSync(Buffer.from(payload.status_list.lst, 'base64url'));
      return (list[idx >> 3] >> (idx & 7)) & 1;
    };
    assert.equal(await bit(), 0);
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, web, basic, tokens.refresh_token, plain));
    for (let tries = 0; (await bit()) === 0; tries++) {
      assert.ok(tries < 100, 'the list still says that the token is valid');
      await new Promise((again) => setTimeout(again, 200)); // a list is made anew every few seconds
    }
  },

  'key set': async () => {
    const response = await fetch(as.jwks_uri);
    assert.match(response.headers.get('content-type'), /^application\/jwk-set\+json/);
    const { keys } = await response.json();
    for (const key of keys) {
      for (const secret of ['d', 'p', 'q', 'k']) assert.equal(key[secret], undefined);
      assert.equal(key.kid && key.use, 'sig');
      await jose.importJWK(key, key.alg);
    }
    assert.equal(new Set(keys.map((key) => key.kid)).size, keys.length);
  },
});
