// What relying parties' scripts share: cases run at the same time, and whoever started the script is the browser of its
// user. It writes the settings as the first line of standard input; after that it answers questions, a line each.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const lines = createInterface({ input: process.stdin });
const waiting = new Map();
let next = 1;
let settled;
const first = new Promise((done) => {
  settled = done;
});
lines.on('line', (text) => {
  const message = JSON.parse(text);
  if (settled) {
    settled(message);
    settled = undefined;
    return;
  }
  waiting.get(message.id)(message);
  waiting.delete(message.id);
});

export const settings = await first;
const require = createRequire(resolve(settings.packages, 'package.json'));

/** load imports an npm package of the tests' folder. */
export const load = async (name) => import(pathToFileURL(require.resolve(name)));

const say = (message) => console.log(JSON.stringify(message));

const ask = async (question) => {
  const id = next++;
  const answer = new Promise((done) => waiting.set(id, done));
  say({ ...question, id });
  const a = await answer;
  if (a.error) throw new Error(a.error);
  return a;
};

/** visit is where the browser ended: {url, text, pages}. Visits with the same jar share cookies. */
export const visit = (url, options) => ask({ do: 'visit', url: String(url), jar: 'shared', ...options });

/** logoutToken is what the client is told by back channel, next. */
export const logoutToken = async (client) => (await ask({ do: 'logout', client })).token;

/** redirected is the URL that the browser was sent to the client by. */
export const redirected = async (url, options) => {
  const { url: end, text } = await visit(url, options);
  assert.ok(end.startsWith(settings.callback), `the browser ended at ${end}: ${text}`);
  return new URL(end);
};

/** privateKey imports the key of a client that authenticates by it. */
export const privateKey = (client) =>
  crypto.subtle.importKey('jwk', settings.clients[client].jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);

const tell = (error) => {
  const causes = [];
  for (let e = error; e; e = e.cause) {
    causes.push(e instanceof Error ? `${e.stack}` : JSON.stringify(e));
    if (e.error || e.code) causes.push(JSON.stringify({ code: e.code, error: e.error, description: e.error_description }));
  }
  return causes.join('\ncaused by ');
};

/** run does all cases and ends the program. */
export const run = async (cases) => {
  await Promise.all(
    Object.entries(cases).map(async ([name, test]) => {
      try {
        await test();
        say({ do: 'case', name });
      } catch (error) {
        say({ do: 'case', name, error: tell(error) });
      }
    }),
  );
  process.exit(); // whatever a failed case still waits for
};
