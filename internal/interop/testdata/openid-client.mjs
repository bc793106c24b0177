// What relying parties do with openid-client, against a provider that knows nothing of it.
import assert from 'node:assert/strict';
import { load, logoutToken, privateKey, redirected, run, settings, visit } from './rp.mjs';

const client = await load('openid-client');
const jose = await load('jose');
const { api, bye, callback, clients, issuer, other } = settings;
const everything = 'openid profile roles offline_access read';

/** discovered is the configuration of a client, its answers verified by the key set too. */
const discovered = async (name, authentication, algorithm = 'oidc') => {
  const { id, secret } = clients[name];
  const config = await client.discovery(new URL(issuer), id, secret, authentication, {
    algorithm,
    execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
  });
  assert.ok(config.serverMetadata().supportsPKCE());
  return config;
};

const byKey = async (name) => client.PrivateKeyJwt({ key: await privateKey(name), kid: clients[name].jwk.kid });

/** begin is the parameters of an authorization request, and what its answer is checked by. */
const begin = async (more) => {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier, expectedState: client.randomState(), expectedNonce: client.randomNonce(), idTokenExpected: true };
  const parameters = {
    redirect_uri: callback,
    scope: everything,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...more,
  };
  return { parameters, checks };
};

/** signIn goes the whole way. */
const signIn = async (config, more, options) => {
  const { parameters, checks } = await begin(more);
  const url = await redirected(client.buildAuthorizationUrl(config, parameters), options);
  return client.authorizationCodeGrant(config, url, checks, undefined, options);
};

const keySet = jose.createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
/** accessToken reads one as a resource server does. */
const accessToken = async (token, audience = api) =>
  (await jose.jwtVerify(token, keySet, { issuer, audience, typ: 'at+jwt', requiredClaims: ['sub', 'exp', 'client_id', 'jti'] })).payload;

const refused = (promise, error) =>
  assert.rejects(promise, (e) => {
    assert.equal(e.error ?? e.cause?.[0]?.parameters?.error, error, e.stack);
    return true;
  });

const keyPair = () => client.randomDPoPKeyPair('ES256');

await run({
  discovery: async () => {
    const oidc = (await discovered('web')).serverMetadata();
    const oauth = (await discovered('web', undefined, 'oauth2')).serverMetadata();
    for (const name of Object.keys(oauth)) assert.deepEqual(oidc[name], oauth[name], name);
    assert.equal(oidc.issuer, issuer);
  },

  code: async () => {
    const config = await discovered('web');
    const tokens = await signIn(config);
    const claims = tokens.claims();
    assert.equal(claims.sub, settings.user);
    assert.equal(claims.aud, clients.web.id);
    assert.ok(claims.sid && claims.auth_time);
    const read = await accessToken(tokens.access_token);
    assert.equal(read.client_id, clients.web.id);
    assert.equal(read.sub, settings.user);
    assert.deepEqual(read.scope.split(' ').sort(), everything.split(' ').sort());
    const user = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
    assert.equal(user.preferred_username, settings.user);
  },

  refresh: async () => {
    const config = await discovered('web');
    const tokens = await signIn(config);
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
    assert.notEqual(renewed.refresh_token, tokens.refresh_token);
    assert.equal(renewed.claims().auth_time, tokens.claims().auth_time);
    assert.equal(renewed.claims().nonce, undefined);
    const narrowed = await client.refreshTokenGrant(config, renewed.refresh_token, { scope: 'openid' });
    assert.equal((await accessToken(narrowed.access_token)).scope, 'openid');
    await refused(client.refreshTokenGrant(config, narrowed.refresh_token, { scope: 'openid write' }), 'invalid_scope');
  },

  denied: async () => {
    const config = await discovered('denied');
    const { parameters, checks } = await begin();
    const url = await redirected(client.buildAuthorizationUrl(config, parameters), { deny: true });
    await refused(client.authorizationCodeGrant(config, url, checks), 'access_denied');
  },

  'prompt=none, signed out': async () => {
    const config = await discovered('web');
    const { parameters, checks } = await begin({ prompt: 'none' });
    const url = await redirected(client.buildAuthorizationUrl(config, parameters), { jar: '' });
    await refused(client.authorizationCodeGrant(config, url, checks), 'login_required');
  },

  'prompt=none, signed in': async () => {
    const config = await discovered('web-post');
    const options = { jar: 'silent' };
    const before = await signIn(config, {}, options);
    const after = await signIn(config, { prompt: 'none' }, options);
    assert.equal(after.claims().sid, before.claims().sid);
    const { parameters, checks } = await begin({ max_age: '0' });
    const { pages } = await visit(client.buildAuthorizationUrl(config, parameters), options);
    assert.ok(pages.length > 0, 'max_age=0 and nobody was asked');
    assert.ok(checks);
  },

  'max_age and claims': async () => {
    const config = await discovered('web-basic', client.ClientSecretBasic(clients['web-basic'].secret));
    const { parameters, checks } = await begin({
      max_age: '600',
      claims: JSON.stringify({ id_token: { preferred_username: null, roles: null } }),
    });
    const url = await redirected(client.buildAuthorizationUrl(config, parameters));
    const tokens = await client.authorizationCodeGrant(config, url, { ...checks, maxAge: 600 });
    assert.equal(tokens.claims().preferred_username, settings.user);
  },

  'pushed, by private_key_jwt': async () => {
    const config = await discovered('web-jwt', await byKey('web-jwt'));
    const { parameters, checks } = await begin();
    const url = await client.buildAuthorizationUrlWithPAR(config, parameters);
    assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri']);
    const tokens = await client.authorizationCodeGrant(config, await redirected(url), checks);
    assert.equal(tokens.claims().sub, settings.user);
    await client.refreshTokenGrant(config, tokens.refresh_token);
  },

  'signed request': async () => {
    const config = await discovered('web-jwt', await byKey('web-jwt'));
    const { parameters, checks } = await begin();
    const key = { key: await privateKey('web-jwt'), kid: clients['web-jwt'].jwk.kid };
    const url = await client.buildAuthorizationUrlWithJAR(config, parameters, key);
    const tokens = await client.authorizationCodeGrant(config, await redirected(url), checks);
    assert.equal(tokens.claims().sub, settings.user);
  },

  'public client': async () => {
    const config = await discovered('spa', client.None());
    const tokens = await signIn(config);
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
    assert.notEqual(renewed.refresh_token, tokens.refresh_token);
  },

  DPoP: async () => {
    const config = await discovered('spa-dpop', client.None());
    const DPoP = client.getDPoPHandle(config, await keyPair());
    const tokens = await signIn(config, { dpop_jkt: await DPoP.calculateThumbprint() }, { DPoP });
    assert.equal(tokens.token_type, 'dpop');
    assert.deepEqual((await accessToken(tokens.access_token)).cnf, { jkt: await DPoP.calculateThumbprint() });
    const user = await client.fetchUserInfo(config, tokens.access_token, settings.user, { DPoP });
    assert.equal(user.sub, settings.user);
    await assert.rejects(client.fetchUserInfo(config, tokens.access_token, settings.user), 'a bound token without proof');
    const stranger = client.getDPoPHandle(config, await keyPair());
    await refused(client.refreshTokenGrant(config, tokens.refresh_token, {}, { DPoP: stranger }), 'invalid_grant');
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token, {}, { DPoP });
    assert.equal(renewed.token_type, 'dpop');
  },

  'DPoP, by the pushed request': async () => {
    const config = await discovered('spa-dpop', client.None());
    const DPoP = client.getDPoPHandle(config, await keyPair());
    const { parameters, checks } = await begin();
    const url = await redirected(await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP }));
    const stranger = client.getDPoPHandle(config, await keyPair());
    await refused(client.authorizationCodeGrant(config, url, checks, undefined, { DPoP: stranger }), 'invalid_grant');
    const again = await begin();
    const after = await redirected(await client.buildAuthorizationUrlWithPAR(config, again.parameters, { DPoP }));
    const tokens = await client.authorizationCodeGrant(config, after, again.checks, undefined, { DPoP });
    assert.equal(tokens.token_type, 'dpop');
  },

  FAPI: async () => {
    const config = await discovered('fapi', await byKey('fapi'));
    const DPoP = client.getDPoPHandle(config, await keyPair());
    const { parameters, checks } = await begin({ scope: 'openid offline_access read' });
    const url = await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP });
    const tokens = await client.authorizationCodeGrant(config, await redirected(url), checks, undefined, { DPoP });
    assert.equal(tokens.token_type, 'dpop');
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token, {}, { DPoP });
    assert.equal(renewed.refresh_token ?? tokens.refresh_token, tokens.refresh_token, 'rotated');
  },

  resource: async () => {
    const config = await discovered('web-basic', client.ClientSecretBasic(clients['web-basic'].secret));
    const tokens = await signIn(config, { resource: other, scope: 'openid offline_access' });
    const { aud } = await accessToken(tokens.access_token, other);
    assert.ok(![aud].flat().includes(api), `${aud}`);
    const { parameters, checks } = await begin({ resource: 'https://unknown.example' });
    const url = await redirected(client.buildAuthorizationUrl(config, parameters));
    await refused(client.authorizationCodeGrant(config, url, checks), 'invalid_target');
  },

  client_credentials: async () => {
    for (const [name, authentication] of [
      ['web-basic', client.ClientSecretBasic(clients['web-basic'].secret)],
      ['web-post', client.ClientSecretPost(clients['web-post'].secret)],
      ['web-jwt', await byKey('web-jwt')],
    ]) {
      const config = await discovered(name, authentication);
      const tokens = await client.clientCredentialsGrant(config, { scope: 'read', resource: api });
      assert.equal(tokens.refresh_token, undefined);
      const read = await accessToken(tokens.access_token);
      assert.equal(read.sub, clients[name].id);
      assert.equal(read.sid, undefined);
    }
    const config = await discovered('spa', client.None());
    await refused(client.clientCredentialsGrant(config, { scope: 'read' }), 'unauthorized_client');
  },

  device: async () => {
    const config = await discovered('tv', client.None());
    const code = await client.initiateDeviceAuthorization(config, { scope: 'openid profile offline_access' });
    assert.match(code.user_code, /^[B-Z]{4}-[B-Z]{4}$/);
    const [tokens] = await Promise.all([
      client.pollDeviceAuthorizationGrant(config, code),
      visit(code.verification_uri_complete),
    ]);
    assert.equal((await accessToken(tokens.access_token)).sub, settings.user);
    await client.refreshTokenGrant(config, tokens.refresh_token);
  },

  exchange: async () => {
    const tokens = await signIn(await discovered('web-post'), {}, { jar: 'exchange' });
    const config = await discovered('api', client.ClientSecretBasic(clients.api.secret));
    const actor = await client.clientCredentialsGrant(config, { resource: api });
    const type = 'urn:ietf:params:oauth:token-type:access_token';
    const exchanged = await client.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:token-exchange', {
      subject_token: tokens.access_token,
      subject_token_type: type,
      actor_token: actor.access_token,
      actor_token_type: type,
      resource: other,
    });
    assert.equal(exchanged.issued_token_type, type);
    const read = await accessToken(exchanged.access_token, other);
    assert.equal(read.sub, settings.user);
    assert.equal(read.act.sub, clients.api.id);
    const before = await accessToken(tokens.access_token);
    assert.ok(read.exp <= before.exp);
  },

  introspection: async () => {
    const tokens = await signIn(await discovered('web-post'), {}, { jar: 'introspection' });
    const config = await discovered('api', client.ClientSecretBasic(clients.api.secret));
    const seen = await client.tokenIntrospection(config, tokens.access_token);
    assert.equal(seen.active, true);
    assert.equal(seen.sub, settings.user);
    assert.equal(seen.client_id, clients['web-post'].id);
    assert.deepEqual(await client.tokenIntrospection(config, tokens.refresh_token), { active: false });
    assert.deepEqual(await client.tokenIntrospection(config, 'nonsense'), { active: false });
  },

  revocation: async () => {
    const config = await discovered('web');
    const tokens = await signIn(config, {}, { jar: 'revocation' });
    await client.tokenRevocation(config, tokens.refresh_token, { token_type_hint: 'refresh_token' });
    await refused(client.refreshTokenGrant(config, tokens.refresh_token), 'invalid_grant');
    await assert.rejects(client.fetchUserInfo(config, tokens.access_token, settings.user));
    await client.tokenRevocation(config, tokens.refresh_token);
  },

  'end of the session': async () => {
    const config = await discovered('leaving');
    const options = { jar: 'leaving' };
    const tokens = await signIn(config, {}, options);
    const told = logoutToken('leaving');
    const parameters = { post_logout_redirect_uri: bye, id_token_hint: tokens.id_token, state: 'so long' };
    const { url, text } = await visit(client.buildEndSessionUrl(config, parameters), options);
    assert.equal(new URL(url).searchParams.get('state'), 'so long', `${url} ${text}`);
    assert.ok(url.startsWith(bye));
    const { payload, protectedHeader } = await jose.jwtVerify(await told, keySet, { issuer, audience: clients.leaving.id });
    assert.equal(protectedHeader.typ, 'logout+jwt');
    assert.equal(payload.sid, tokens.claims().sid);
    assert.deepEqual(payload.events, { 'http://schemas.openid.net/event/backchannel-logout': {} });
    await refused(client.refreshTokenGrant(config, tokens.refresh_token), 'invalid_grant');
    const { parameters: silent, checks } = await begin({ prompt: 'none' });
    const after = await redirected(client.buildAuthorizationUrl(config, silent), options);
    await refused(client.authorizationCodeGrant(config, after, checks), 'login_required');
  },

  registration: async () => {
    const config = await client.dynamicClientRegistration(
      new URL(issuer),
      { redirect_uris: [callback], client_name: 'Registered', token_endpoint_auth_method: 'client_secret_post' },
      undefined,
      { initialAccessToken: clients.registration.secret, execute: [client.allowInsecureRequests] },
    );
    const tokens = await signIn(config, { scope: 'openid' }, { jar: 'registration' });
    assert.equal(tokens.claims().sub, settings.user);
  },
});
