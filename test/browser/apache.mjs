// A person signs in to a site of Apache's, leaves it again, and is thrown out of it: in headless Chromium, without scripts, on a
// phone. The settings are one line of JSON on standard input; each step is told as a line on standard output.
import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { chromium } from './chromium.mjs';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { packages, site, issuer, user, password } = JSON.parse((await lines.next()).value);
const browser = await chromium(packages);

let failed = false;
const context = await browser.newContext({ javaScriptEnabled: false, ignoreHTTPSErrors: true, viewport: { width: 360, height: 640 }, locale: 'en' });
const page = await context.newPage();

/** step says how one went; after a failure there is nothing to go on with. */
const step = async (name, test) => {
  if (failed) return;
  const result = { do: 'case', name };
  try {
    await test();
  } catch (e) {
    failed = true;
    result.error = `${e.stack}\nat ${page.url()}\n${await page.content().catch(String)}`;
  }
  console.log(JSON.stringify(result));
};

/** enter fills in the sign-in page. */
const enter = async () => {
  assert.equal(new URL(page.url()).pathname, '/signin');
  await page.fill('input[name=username]', user);
  await page.fill('input[type=password]', password);
  await page.keyboard.press('Enter');
};

const arrived = async () => {
  await page.waitForURL(`${site}/protected/`);
  const text = await page.textContent('body');
  assert.match(text, new RegExp(`sub ${user} `));
  assert.match(text, new RegExp(`username ${user} `));
};

await step('sign-in and consent', async () => {
  await page.goto(`${site}/protected/`);
  await enter();
  await page.waitForURL(/\/consent\?/);
  await page.getByRole('button', { name: 'Allow' }).click();
  await arrived();
});

await step('single sign-on', async () => {
  const cookies = await context.cookies(site);
  assert.ok(cookies.some((c) => c.name === 'mod_auth_openidc_session'));
  await context.clearCookies({ name: 'mod_auth_openidc_session' });
  await page.goto(`${site}/protected/`); // nobody is asked again
  await arrived();
});

await step('leaving', async () => {
  await page.goto(`${site}/protected/callback?logout=${encodeURIComponent(`${site}/bye`)}`);
  await page.waitForURL(`${site}/bye`);
  await page.goto(`${site}/protected/`);
  await enter();
  await arrived();
});

await step('leaving the provider', async () => {
  await page.goto(`${issuer}/oauth/logout`);
  await page.getByRole('button', { name: /sign out/i }).click();
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
  for (let tries = 0; ; tries++) {
    await page.goto(`${site}/protected/`); // until the logout token has come by the back channel
    if (new URL(page.url()).pathname === '/signin') break;
    assert.ok(tries < 100, 'the site still lets in whom the provider has signed out');
    await new Promise((again) => setTimeout(again, 100));
  }
});

await browser.close();
