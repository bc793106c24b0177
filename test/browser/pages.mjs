// A person signs in, allows an application, connects a device and sets a second factor up by the keyboard alone: in headless
// Chromium without scripts, on a narrow phone, in the dark, in each language. Every page on the way is measured: nothing is wider than the screen, all
// text and all focus can be seen, every field has a label. The settings are one line of JSON on standard input; each case is told as a
// line on standard output.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createInterface } from 'node:readline';
import { chromium } from './chromium.mjs';
import { measure } from './measure.mjs';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { packages, issuer, callback, user, password, shots } = JSON.parse((await lines.next()).value);
const browser = await chromium(packages);

/** open is a new browser; complaints are what its console says, such as of what the policy blocks. */
const open = async (options) => {
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 360, height: 640 }, locale: 'en', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const complaints = [];
  page.on('console', (message) => {
    // A refused form is an answer of 4xx, which Chromium tells of as well.
    if (!/the server responded with a status of 4/.test(message.text())) complaints.push(message.text());
  });
  return { context, page, complaints };
};

let shot = 0;

/** look measures the page, and keeps a picture of it where the settings say so. */
const look = async (page, name) => {
  // A busy browser puts the focus where a page asks for it some time after it has loaded.
  if (await page.locator('[autofocus]').count()) await page.locator('[autofocus]:focus').waitFor({ timeout: 3000 }).catch(() => {});
  if (shots) await page.screenshot({ path: `${shots}/${String(++shot).padStart(2, '0')}-${name}.png`, fullPage: true });
  assert.deepEqual(await page.evaluate(measure), [], `${name} at ${page.url()}`);
};

/** tabTo goes on by the tabulator until what has the focus is the control of that name, and sees that each stop on the way shows it. */
const tabTo = async (page, name) => {
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const e = document.activeElement;
      const s = getComputedStyle(e);
      const text = e.getAttribute('aria-label') ?? e.labels?.[0]?.innerText ?? e.innerText ?? '';
      return { text, tag: e.tagName, shown: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 };
    });
    if (at.tag === 'BODY') continue;
    assert.ok(at.shown, `the focus on ${at.tag} ${at.text} cannot be seen`);
    if (at.text.startsWith(name)) return;
  }
  assert.fail(`the keyboard does not reach ${name} at ${page.url()}`);
};

/** press reaches a control and sends its form. */
const press = async (page, name, key = 'Enter') => {
  await tabTo(page, name);
  await Promise.all([page.waitForNavigation(), page.keyboard.press(key)]);
};

/** send presses Enter in a field. */
const send = (page) => Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);

const path = (page) => new URL(page.url()).pathname;

/** authorize is an authorization request of the application. */
const authorize = (more) =>
  `${issuer}/oauth/authorize?${new URLSearchParams({
    client_id: 'shop', redirect_uri: callback, response_type: 'code', scope: 'openid profile read', state: 's1',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256', ...more,
  })}`;

/** enter types name and password where the focus is put, and sends them. */
const enter = async (page, name, secret) => {
  assert.equal(path(page), '/signin');
  await page.locator('#username:focus').waitFor().catch(() => {});
  assert.equal(await page.evaluate(() => document.activeElement.id), 'username');
  await page.keyboard.type(name);
  await page.keyboard.press('Tab');
  await page.keyboard.type(secret);
  await send(page);
};

/** code is what an authenticator application shows for a secret (RFC 6238). */
const code = (secret, at = Date.now()) => {
  let bits = '';
  for (const c of secret.replaceAll(' ', '')) bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const hash = createHmac('sha1', key).update(counter).digest();
  return String((hash.readUInt32BE(hash[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
};

const cases = {
  'sign-in and consent by the keyboard': async () => {
    const { page, complaints, context } = await open();
    await page.goto(authorize());
    await look(page, 'signin');
    await enter(page, user, 'a wrong password');
    await look(page, 'signin-wrong');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'password');
    await page.keyboard.type(password);
    await send(page);
    await page.waitForURL(/\/consent\?/);
    await look(page, 'consent');
    await tabTo(page, 'See your username');
    await page.keyboard.press('Space');
    await press(page, 'Allow');
    await page.waitForURL((u) => u.href.startsWith(callback));
    assert.equal(new URL(page.url()).searchParams.get('state'), 's1');
    assert.ok(new URL(page.url()).searchParams.get('code'));
    await page.goto(authorize({ prompt: 'consent' }));
    await press(page, 'Deny', 'Space');
    await page.waitForURL((u) => u.href.startsWith(callback));
    assert.equal(new URL(page.url()).searchParams.get('error'), 'access_denied');
    await page.goBack();
    await page.goto(`${issuer}/consent?request=x`);
    await look(page, 'expired');
    await page.goto(authorize({ prompt: 'login' }));
    await look(page, 'signin-again');
    assert.deepEqual(complaints, []);
    await context.close();
  },

  'a device': async () => {
    const { page, complaints, context } = await open();
    const res = await fetch(`${issuer}/oauth/device_authorization`, { method: 'POST', body: new URLSearchParams({ client_id: 'tv', scope: 'openid read' }) });
    const device = await res.json();
    await page.goto(device.verification_uri_complete);
    await enter(page, user, password);
    await page.waitForURL(/\/device/);
    await look(page, 'device');
    await send(page);
    await look(page, 'device-decision');
    await press(page, 'Allow');
    await look(page, 'device-done');
    assert.match(await page.textContent('h1'), /The device is connected/);
    await page.goto(`${issuer}/device`);
    await page.keyboard.type('BCDF-BCDF');
    await send(page);
    await look(page, 'device-wrong');
    assert.deepEqual(complaints, []);
    await context.close();
  },

  'a second factor': async () => {
    const { page, complaints, context } = await open();
    await page.goto(`${issuer}/signup`);
    await look(page, 'signup');
    await page.keyboard.type('dewi');
    await page.keyboard.press('Tab');
    await page.keyboard.type('password');
    await send(page);
    await look(page, 'signup-wrong');
    await page.keyboard.type(password);
    await send(page);
    await look(page, 'account');
    await press(page, 'Set up');
    await look(page, 'factor');
    await press(page, 'Set up an authenticator app');
    await look(page, 'factor-enrol');
    const secret = await page.textContent('.secret');
    await page.keyboard.type('000000');
    await send(page);
    await look(page, 'factor-wrong');
    await page.keyboard.type(code(secret));
    await send(page);
    await look(page, 'factor-codes');
    const recovery = await page.locator('.codes code').first().textContent();
    await press(page, 'I have kept them');
    assert.match(await page.textContent('main'), /On\. Signing in asks/);
    await page.goto(`${issuer}/signout`);
    await look(page, 'signout');
    await press(page, 'Sign out');
    await look(page, 'signed-out');
    await press(page, 'Sign in again');
    await enter(page, 'dewi', password);
    await page.waitForURL(/\/signin\/code/);
    await look(page, 'code');
    await page.keyboard.type('123456');
    await send(page);
    await look(page, 'code-wrong');
    await page.keyboard.type(recovery);
    await send(page);
    await page.waitForURL(`${issuer}/console/`);
    await page.goto(`${issuer}/console/factor`);
    await look(page, 'factor-on');
    await page.goto(`${issuer}/console/password`);
    await look(page, 'password');
    assert.deepEqual(complaints, []);
    await context.close();
  },
};

for (const [locale, colorScheme, width] of [['en', 'dark', 1280], ['id', 'light', 320], ['zh-TW', 'dark', 360]]) {
  cases[`${locale}, ${colorScheme}, ${width} wide`] = async () => {
    const { page, complaints, context } = await open({ locale, colorScheme, viewport: { width, height: 640 } });
    const name = `${locale}-${colorScheme}-${width}`;
    await page.goto(authorize({ prompt: 'consent' }));
    await look(page, `signin-${name}`);
    await enter(page, user, 'a wrong password');
    await look(page, `wrong-${name}`);
    await page.keyboard.type(password);
    await send(page);
    await page.waitForURL(/\/consent\?/);
    await look(page, `consent-${name}`);
    for (const p of ['console/', 'console/password', 'console/factor', 'device', 'signout', 'consent?request=x']) {
      await page.goto(`${issuer}/${p}`);
      await look(page, `${p.replaceAll(/\W/g, '-')}-${name}`);
    }
    assert.deepEqual(complaints, []);
    await context.close();
  };
}

for (const [name, test] of Object.entries(cases)) {
  const result = { do: 'case', name };
  try {
    await test();
  } catch (e) {
    result.error = e.stack;
  }
  console.log(JSON.stringify(result));
}
await browser.close();
