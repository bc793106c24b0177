// The demo's page in Chromium, under its own policy: a person signs in, talks, outlives tokens, and is signed out.
import assert from 'node:assert/strict';
import { chromium } from '../../../test/browser/chromium.mjs';
import { measure } from '../../../test/browser/measure.mjs';
import { run, settings } from './rp.mjs';
import { sleep } from './sockets.mjs';

const browser = await chromium(settings.packages);

const open = async (server, user, password) => {
  const context = await browser.newContext({ viewport: { width: 360, height: 640 }, locale: 'en' });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints = [];
  const sockets = [];
  page.on('console', (message) => { if (!/status of 401/.test(message.text())) complaints.push(message.text()); });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('websocket', (socket) => sockets.push(socket.url()));
  await page.goto(`${server}/missions-page`);
  assert.deepEqual(await page.evaluate(measure), []);
  await page.getByLabel('Username').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText(`Connected as ${user.toLowerCase()}.`).waitFor();
  return { page, complaints, sockets };
};

const say = async ({ page }, text) => {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
};

await run({
  conversation: async () => {
    const [a, b] = [await open(settings.demo, 'AgentX', 'TopSecret123'), await open(settings.demo, 'user1', 'password1')];
    const text = '<img src=x onerror=alert(1)> over';
    await say(a, text);
    for (const one of [a, b]) {
      await one.page.getByText(text, { exact: true }).waitFor(); // as text
      assert.deepEqual(await one.page.evaluate(measure), []);
    }
    await a.page.reload(); // the session is in cookies
    await a.page.getByText('Connected as agentx.').waitFor();
    await a.page.getByRole('button', { name: 'Sign out' }).click();
    await a.page.getByText('Unauthorized: Token Revoked (4004)').waitFor();
    assert.equal(await a.page.getByLabel('Password').inputValue(), '');
    await sleep(1000);
    for (const url of a.sockets) assert.match(url, /\/missions\?ticket=sdt_/);
    assert.equal(a.sockets.length, 2, 'it tried again with what was revoked');
    assert.deepEqual([...a.complaints, ...b.complaints], []);
  },

  'outlives its tokens': async () => {
    const a = await open(settings.short, 'AgentX', 'TopSecret123');
    while (a.sockets.length < 3) await a.page.waitForEvent('websocket');
    await say(a, 'still here');
    await a.page.getByText('still here', { exact: true }).waitFor();
    assert.equal(await a.page.getByText('still here', { exact: true }).count(), 1);
    assert.deepEqual(a.complaints, []);
  },
});
