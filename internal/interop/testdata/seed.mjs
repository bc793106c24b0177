// Seed 001's own server behind the gateway, by the client that people have.
import assert from 'node:assert/strict';
import { run, settings } from './rp.mjs';
import { start } from './seed_server.mjs';
import { connected, demo, dial, expiry, login, once, quiet, refusal, short, sleep, within } from './sockets.mjs';

const { gateway, shortGateway } = settings;
const log = [];
const waiting = [];
await start(settings.upstream, (line) => {
  log.push(line);
  for (const w of waiting) w();
});

/** logged waits for a line of the server. */
const logged = (line) => within(10_000, `"${line}" among\n${log.join('\n')}`, new Promise((done) => {
  const look = () => log.includes(line) && done();
  waiting.push(look);
  look();
}));

const websocket = { transports: ['websocket'] };
const polling = { transports: ['polling'] };
const user = { websocket: 'noder', polling: 'webber', both: 'gopher' };

/** talk proves that the way to the server and back works, and that it knows who is there, and no token. */
const talk = async (d, name, text) => {
  await logged(`Agen Terhubung: ${name} null`);
  const echo = once(d.socket, 'message');
  d.socket.emit('message', text);
  assert.deepEqual((await echo)[0], `diterima: ${text}`);
  await logged(`Transmisi dari ${name}: ${text}`);
};

await run({
  'refused without a token': async () => {
    for (const options of [websocket, polling]) {
      for (const auth of [undefined, { token: 'garbage' }]) {
        const { socket } = dial(gateway, auth, { ...options, reconnection: false });
        const [error] = await once(socket, 'connect_error');
        assert.equal(error.message, refusal, JSON.stringify([auth, options]));
        socket.disconnect();
      }
    }
    assert.deepEqual(log.filter((l) => l.startsWith('Agen Terhubung:  ')), [], 'somebody unknown reached the server');
  },

  'websocket alone': async () => {
    const { token } = await login(demo, user.websocket);
    const d = await connected(gateway, { token }, websocket);
    await talk(d, user.websocket, 'dengan websocket');
    d.socket.disconnect();
    await logged(`Agen Terputus: ${user.websocket}`);
  },

  'polling alone': async () => {
    const { token } = await login(demo, user.polling);
    const d = await connected(gateway, { token }, polling);
    await talk(d, user.polling, 'dengan polling');
    d.socket.disconnect();
  },

  'as printed, with an upgrade': async () => {
    const { token } = await login(demo, user.both);
    const d = await connected(gateway, { token });
    if (d.socket.io.engine.transport.name === 'polling') await once(d.socket.io.engine, 'upgrade');
    await talk(d, user.both, 'dengan keduanya');
    d.socket.disconnect();
  },

  'plain HTTP': async () => {
    const { token } = await login(demo, 'pythonist');
    assert.equal((await fetch(`${gateway}/whoami`)).status, 401);
    assert.equal((await fetch(`${gateway}/whoami`, { headers: { Authorization: 'Bearer garbage', 'Sandi-Identity': 'x.e30.x' } })).status, 401);
    const answer = await fetch(`${gateway}/whoami?q=1`, { headers: { Authorization: `Bearer ${token}`, 'Sandi-Subject': 'admin', Cookie: 'theme=dark' } });
    const { codename, headers, url } = await answer.json();
    assert.equal(codename, 'pythonist');
    assert.equal(headers.authorization, undefined);
    assert.equal(headers['sandi-subject'], undefined);
    assert.equal(headers.cookie, 'theme=dark');
    assert.equal(url, '/whoami?q=1');
  },

  expiry: async () => {
    for (const options of [websocket, polling]) {
      const { token } = await login(short, 'visitor');
      const d = await connected(shortGateway, { token }, options);
      await once(d.socket, 'disconnect');
      assert.ok(Date.now() - expiry(token) < 1500, `it lived for ${Date.now() - expiry(token)} ms too long`);
      await quiet(d, 4002);
    }
    await logged('Agen Terputus: visitor');
  },

  logout: async () => {
    for (const options of [websocket, polling]) {
      const session = await login(demo, 'holder');
      const d = await connected(gateway, { token: session.token }, options);
      await Promise.all([once(d.socket, 'disconnect'), session.logout()]);
      await quiet(d, 4004);
      const { socket } = dial(gateway, { token: session.token }, { ...options, reconnection: false });
      const [error] = await once(socket, 'connect_error');
      assert.equal(error.message, refusal);
      await sleep(0);
    }
    await logged('Agen Terputus: holder');
  },
});
