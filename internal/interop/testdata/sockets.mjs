// What the scripts of live sockets share.
import assert from 'node:assert/strict';
import { load, settings } from './rp.mjs';

const client = await load('socket.io-client');
export const io = client.io ?? client.default.io;
const ws = await load('ws');
export const WebSocket = ws.WebSocket ?? ws.default;
export const { demo, short } = settings;

/** refusal is the message of seed 001. */
export const refusal = 'Akses Tidak Sah - Izin Ditolak!';

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** within fails where a promise takes longer. */
export const within = (ms, what, promise) => {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

const post = async (url, body, headers) => {
  const answer = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${url}: ${answer.status} ${await answer.clone().text()}`);
  return answer;
};

const passwords = { AgentX: 'TopSecret123', user1: 'password1', user2: 'password2', ...settings.passwords };

// Many sign-ins of one user at once are taken for guesses: one after the other.
let signIns = Promise.resolve();
const signIn = (server, username) => {
  const done = signIns.then(async () => (await post(`${server}/api/auth/login`, { username, password: passwords[username] })).json());
  signIns = done.catch(() => {});
  return done;
};

/** login signs in: the access token, and what gets the next one and ends the session. */
export const login = async (server, username) => {
  const { access_token: token, refresh_token: refresh } = await signIn(server, username);
  return {
    token,
    refresh: async () => (await (await post(`${server}/api/auth/refresh`, undefined, { Authorization: `Bearer ${refresh}` })).json()).access_token,
    logout: () => post(`${server}/api/auth/logout`, undefined, { Authorization: `Bearer ${refresh}` }),
    ticket: async () => (await (await post(`${server}/api/auth/ticket`, undefined, { Authorization: `Bearer ${token}` })).json()).ticket,
  };
};

/** expiry is the exp of a token, in ms. */
export const expiry = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).exp * 1000;

/** once is the arguments of the next event, the first of several names that comes. */
export const once = (emitter, name, ms = 10_000) => within(ms, name, new Promise((done) => emitter.once(name, (...args) => done(args))));

/** dial is a Socket.IO client of its own connection, and what happened to it. */
export const dial = (server, auth, options) => {
  const socket = io(server, { auth, forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 200, ...options });
  const happened = [];
  socket.on('connect', () => happened.push('connect'));
  socket.on('connect_error', (e) => happened.push(`connect_error ${e.message}`));
  socket.on('disconnect', (reason) => happened.push(`disconnect ${reason}`));
  socket.on('auth_error', (e) => happened.push(`auth_error ${e.code}`));
  socket.io.on('reconnect_attempt', () => happened.push('reconnect_attempt'));
  return { socket, happened };
};

/** connected is dial that has been let in. */
export const connected = async (server, auth, options) => {
  const d = dial(server, auth, options);
  await within(10_000, 'connect', new Promise((done, fail) => {
    d.socket.once('connect', done);
    d.socket.once('connect_error', fail);
  }));
  return d;
};

/** quiet proves that a client whose token is dead has been told so, disconnected, and does not come back. */
export const quiet = async ({ socket, happened }, code) => {
  if (socket.connected) await once(socket, 'disconnect');
  await sleep(1000);
  assert.deepEqual(happened.slice(-2), [`auth_error ${code}`, 'disconnect io server disconnect']);
  assert.equal(happened.includes('reconnect_attempt'), false);
  assert.equal(socket.active, false);
};
