// The raw WebSocket by the clients that people have: what seed 001 prints, and what is to be used instead.
import assert from 'node:assert/strict';
import { run } from './rp.mjs';
import { demo, expiry, login, short, sleep, WebSocket, within } from './sockets.mjs';

const at = (server) => `${server.replace('http', 'ws')}/missions`;

/** open is a connection, its frames, and how it ended. */
const open = (url, protocols, options) => {
  const socket = new WebSocket(url, protocols, options);
  const frames = [];
  const waiting = [];
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    const i = waiting.findIndex((w) => w.type === frame.type);
    if (i >= 0) waiting.splice(i, 1)[0].done(frame);
    else frames.push(frame);
  };
  const closed = new Promise((done) => { socket.onclose = ({ code, reason }) => done(`${code} ${reason}`); });
  const failed = new Promise((done) => {
    socket.on('unexpected-response', (_, answer) => { done(answer.statusCode); answer.destroy(); });
    socket.onerror = () => {};
  });
  const next = (type) => {
    const i = frames.findIndex((f) => f.type === type);
    if (i >= 0) return Promise.resolve(frames.splice(i, 1)[0]);
    return within(10_000, type, new Promise((done) => waiting.push({ type, done })));
  };
  return { socket, closed: within(20_000, 'close', closed), failed: within(10_000, 'refusal', failed), next, say: (frame) => socket.send(JSON.stringify(frame)) };
};

const invalid = '4001 Unauthorized: Invalid Token';

await run({
  // const socket = new WebSocket("wss://hq-secure.com/missions?token=eyJhbGciOiJIUzI1...");
  'as printed': async () => {
    const { token } = await login(demo, 'AgentX');
    const c = open(`${at(demo)}?token=${token}`);
    const welcome = await c.next('welcome');
    assert.equal(welcome.sub, 'agentx');
    assert.equal(welcome.channels[0].channel, 'hq');
    c.say({ type: 'publish', data: 'raw', ref: 1 });
    assert.equal((await c.next('published')).ref, 1);
    while ((await c.next('message')).data !== 'raw');
    c.socket.close();
  },

  'garbage as printed': async () => {
    assert.equal(await open(`${at(demo)}?token=eyJhbGciOiJIUzI1...`).closed, invalid);
    assert.equal(await open(`${at(demo)}?token=garbage`).closed, invalid);
  },

  'a bad token is not rescued by a good cookie': async () => {
    const { token } = await login(demo, 'AgentX');
    const headers = { Cookie: `jwt=${token}` };
    assert.equal(await open(`${at(demo)}?token=garbage`, [], { headers, origin: demo }).closed, invalid);
    const c = open(at(demo), [], { headers, origin: demo });
    await c.next('welcome');
    c.socket.close();
  },

  'another origin': async () => {
    const { token } = await login(demo, 'AgentX');
    for (const origin of ['https://evil.example', 'null', `${demo}.evil.example`]) {
      assert.equal(await open(at(demo), [], { headers: { Cookie: `jwt=${token}` }, origin }).failed, 403, origin);
    }
  },

  'a ticket opens one socket': async () => {
    const ticket = await (await login(demo, 'AgentX')).ticket();
    const first = open(`${at(demo)}?ticket=${ticket}`);
    await first.next('welcome');
    assert.equal(await open(`${at(demo)}?ticket=${ticket}`).closed, invalid);
    first.socket.close();
  },

  subprotocol: async () => {
    const { token } = await login(demo, 'AgentX');
    const c = open(at(demo), ['sandi.v1', `bearer.${token}`]);
    await c.next('welcome');
    assert.equal(c.socket.protocol, 'sandi.v1');
    c.socket.close();
  },

  'first message': async () => {
    const { token } = await login(demo, 'AgentX');
    const c = open(at(demo));
    c.socket.onopen = () => c.say({ type: 'auth', token });
    await c.next('welcome');
    c.socket.close();
    const bad = open(at(demo));
    bad.socket.onopen = () => bad.say({ type: 'auth', token: 'garbage' });
    assert.equal(await bad.closed, invalid);
  },

  'plain 401 for programs': async () => {
    assert.equal(await open(`${at(demo)}?token=garbage`, [], { headers: { Accept: 'application/json' } }).failed, 401);
  },

  logout: async () => {
    const session = await login(demo, 'AgentX');
    const c = open(`${at(demo)}?token=${session.token}`);
    await c.next('welcome');
    await session.logout();
    assert.equal(await within(10_000, 'close', c.closed), '4004 Unauthorized: Token Revoked');
    assert.match(await open(`${at(demo)}?token=${session.token}`).closed, /^4004 /);
  },

  expiry: async () => {
    const { token } = await login(short, 'AgentX');
    const c = open(`${at(short)}?token=${token}`);
    await c.next('auth_expiring');
    assert.equal(await c.closed, '4002 Unauthorized: Token Expired');
    assert.ok(Date.now() - expiry(token) < 1200, `it lived for ${Date.now() - expiry(token)} ms too long`);
  },

  'a newer token keeps it': async () => {
    const session = await login(short, 'AgentX');
    const c = open(`${at(short)}?token=${session.token}`);
    await c.next('auth_expiring');
    await sleep(1000);
    c.say({ type: 'auth', token: await session.refresh() });
    await c.next('auth_ok');
    await sleep(expiry(session.token) - Date.now() + 500);
    c.say({ type: 'ping' });
    await c.next('pong');
    c.socket.close();
  },

  'a reconnect resumes': async () => {
    const { token } = await login(demo, 'AgentX');
    const url = `${at(demo)}?token=${token}`;
    const c = open(url);
    await c.next('welcome');
    c.say({ type: 'subscribe', channel: 'missions/north' });
    const { cursor } = await c.next('subscribed');
    c.socket.terminate();
    const other = open(url);
    await other.next('welcome');
    for (const data of ['one', 'two']) other.say({ type: 'publish', channel: 'missions/north', data });
    await other.next('published');
    await other.next('published');
    const again = open(url);
    await again.next('welcome');
    again.say({ type: 'subscribe', channel: 'missions/north', cursor });
    assert.equal((await again.next('subscribed')).complete, true);
    const heard = [];
    while (heard.length < 2) {
      const { channel, data } = await again.next('message');
      if (channel === 'missions/north') heard.push(data);
    }
    assert.deepEqual(heard, ['one', 'two']);
    again.socket.close();
    other.socket.close();
  },
});
