// Socket.IO by the client that people have, unmodified.
import assert from 'node:assert/strict';
import { run } from './rp.mjs';
import { connected, demo, dial, expiry, io, login, once, quiet, refusal, short, sleep, within } from './sockets.mjs';

const websocket = { transports: ['websocket'] };
const polling = { transports: ['polling'] };

/** talks proves that a message reaches another client, with who sent it. */
const talks = async (options) => {
  const [x, y] = await Promise.all([login(demo, 'AgentX'), login(demo, 'user1')]);
  const [a, b] = await Promise.all([connected(demo, { token: x.token }, options), connected(demo, { token: y.token }, options)]);
  const text = `over ${JSON.stringify(options)}`;
  const heard = within(10_000, 'message', new Promise((done) => b.socket.on('message', (data, meta) => data === text && done(meta))));
  a.socket.emit('message', text);
  const meta = await heard;
  assert.equal(meta.from, 'agentx');
  assert.equal(meta.channel, 'hq');
  const transport = a.socket.io.engine.transport.name;
  a.socket.disconnect();
  b.socket.disconnect();
  return transport;
};

/** cut ends the transport as a lost network does: nobody says goodbye. */
const cut = (socket) => socket.io.engine.transport.ws.terminate();

/** recoverable is a client that has seen a message, without which it has no offset to come back with. */
const recoverable = async (user) => {
  const session = await login(demo, user);
  const d = await connected(demo, { token: session.token }, websocket);
  const first = once(d.socket, 'message');
  await d.socket.emitWithAck('publish', { channel: 'hq', data: 'first' });
  await first;
  const messages = [];
  d.socket.on('message', (data, meta) => messages.push([data, meta.id]));
  return { ...d, session, messages };
};

/** speak publishes by another connection. */
const speak = async (...texts) => {
  const { token } = await login(demo, 'user2');
  const { socket } = await connected(demo, { token }, websocket);
  for (const data of texts) assert.equal((await socket.emitWithAck('publish', { channel: 'hq', data })).ok, true);
  socket.disconnect();
};

await run({
  // The client of seed 001, but for the server's address and where the token comes from.
  'as printed': async () => {
    const session = await login(demo, 'AgentX');
    const localStorage = { getItem: () => session.token };
    const log = [];
    const console = { log: (...parts) => log.push(parts.join(' ')) };

    const clearanceToken = localStorage.getItem('jwt');
    const socket = io(demo, {
      auth: { token: clearanceToken },
    });

    socket.on('connect', () => {
      console.log('✅ Saluran Aman Didirikan dengan HQ!');
    });

    socket.on('message', (msg) => {
      console.log('Transmisi Masuk:', msg);
    });

    socket.on('disconnect', () => {
      console.log('Saluran Aman Hilang! Mencoba lagi...');
    });

    await once(socket, 'connect');
    const heard = within(10_000, 'message', new Promise((done) => socket.on('message', (msg) => msg === 'as printed' && done())));
    socket.emit('message', 'as printed');
    await heard;
    const [[reason]] = await Promise.all([once(socket, 'disconnect'), session.logout()]);
    await sleep(1500);
    assert.equal(reason, 'io server disconnect');
    assert.equal(log[0], '✅ Saluran Aman Didirikan dengan HQ!');
    assert.ok(log.includes('Transmisi Masuk: as printed'), log.join('\n'));
    assert.equal(log.filter((l) => l.startsWith('Saluran Aman Hilang!')).length, 1);
    assert.equal(socket.active, false);
  },

  'bad token': async () => {
    for (const auth of [{ token: 'garbage' }, { token: '' }, { token: 7 }, {}]) {
      const { socket } = dial(demo, auth, { reconnection: false });
      const [error] = await once(socket, 'connect_error');
      assert.equal(error.message, refusal, JSON.stringify(auth));
      assert.equal(error.data.code, 4001, JSON.stringify(auth));
      assert.equal(socket.active, false); // the client does not try again by itself
      socket.disconnect();
    }
  },

  'websocket alone': async () => assert.equal(await talks(websocket), 'websocket'),
  'polling alone': async () => assert.equal(await talks(polling), 'polling'),

  upgrade: async () => {
    const { token } = await login(demo, 'AgentX');
    const { socket } = await connected(demo, { token });
    if (socket.io.engine.transport.name === 'polling') await once(socket.io.engine, 'upgrade');
    assert.equal(socket.io.engine.transport.name, 'websocket');
    assert.equal((await socket.emitWithAck('publish', { channel: 'hq', data: 'upgraded' })).ok, true);
    socket.disconnect();
  },

  ack: async () => {
    const { token } = await login(demo, 'user1');
    const { socket } = await connected(demo, { token });
    const done = await socket.timeout(5000).emitWithAck('publish', { channel: 'hq', data: { grid: [1, 2] } });
    assert.ok(done.ok && done.id, JSON.stringify(done));
    for (const [event, argument, code] of [
      ['publish', { channel: 'orders', data: 'x' }, 'forbidden'],
      ['subscribe', { channel: 'missions/north' }, 'forbidden'],
      ['subscribe', { channel: 'nowhere' }, 'no_channel'],
      ['launch', {}, 'bad_request'],
    ]) {
      const answer = await socket.timeout(5000).emitWithAck(event, argument);
      assert.equal(answer.ok, false, event);
      assert.equal(answer.error.code, code, `${event}: ${JSON.stringify(answer)}`);
    }
    socket.disconnect();
  },

  'auth:refresh keeps the connection': async () => {
    const [session, other] = await Promise.all([login(short, 'AgentX'), login(short, 'user1')]);
    const d = await connected(short, { token: session.token }, websocket);
    const stolen = await d.socket.timeout(5000).emitWithAck('auth:refresh', other.token);
    assert.equal(stolen.ok, false, 'another subject took the connection over');
    for (const form of [(t) => t, (token) => ({ token })]) {
      await sleep(1000);
      const answer = await d.socket.timeout(5000).emitWithAck('auth:refresh', form(await session.refresh()));
      assert.equal(answer.ok, true, JSON.stringify(answer));
    }
    await sleep(Math.max(0, expiry(session.token) - Date.now()) + 500);
    assert.equal(d.socket.connected, true, d.happened.join(', '));
    await quiet(d, 4002);
  },

  expiry: async () => {
    for (const options of [websocket, polling]) {
      const { token } = await login(short, 'user1');
      const d = await connected(short, { token }, options);
      await once(d.socket, 'disconnect');
      assert.ok(Date.now() - expiry(token) < 1200, `it lived for ${Date.now() - expiry(token)} ms too long`);
      await quiet(d, 4002);
    }
  },

  logout: async () => {
    for (const options of [websocket, polling]) {
      const session = await login(demo, 'user1');
      const d = await connected(demo, { token: session.token }, options);
      await Promise.all([once(d.socket, 'disconnect'), session.logout()]);
      await quiet(d, 4004);
    }
  },

  'state is recovered after a cut': async () => {
    const d = await recoverable('AgentX');
    const id = d.socket.id;
    cut(d.socket);
    await speak('missed 1', 'missed 2');
    if (!d.socket.connected) await once(d.socket, 'connect');
    assert.equal(d.socket.recovered, true);
    assert.equal(d.socket.id, id);
    await speak('after');
    while (!d.messages.some(([data]) => data === 'after')) await once(d.socket, 'message');
    const texts = d.messages.map(([data]) => data).filter((data) => /^missed|^after/.test(data));
    assert.deepEqual(texts, ['missed 1', 'missed 2', 'after']);
    assert.equal(new Set(d.messages.map(([, id]) => id)).size, d.messages.length, 'a message came twice');
    d.socket.disconnect();
  },

  'recovery needs a token that counts': async () => {
    for (const spoil of [(d) => { d.socket.auth = { token: 'garbage' }; }, (d) => { d.socket.auth = {}; }, (d) => d.session.logout()]) {
      const d = await recoverable('user1');
      d.socket.io.reconnection(false);
      cut(d.socket);
      await once(d.socket, 'disconnect');
      await spoil(d);
      d.socket.connect();
      const [error] = await once(d.socket, 'connect_error');
      assert.equal(error.message, refusal);
      assert.equal(d.socket.recovered, false);
      await speak('secret');
      await sleep(300);
      assert.deepEqual(d.messages.filter(([data]) => data === 'secret'), []);
      d.socket.disconnect();
    }
  },

  'recovery is of the same subject': async () => {
    const d = await recoverable('user1');
    const { token } = await login(demo, 'user2');
    const id = d.socket.id;
    d.socket.auth = { token };
    cut(d.socket);
    await once(d.socket, 'connect');
    assert.equal(d.socket.recovered, false);
    assert.notEqual(d.socket.id, id);
    d.socket.disconnect();
  },
});
