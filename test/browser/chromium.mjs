// Debian's Chromium, headless, driven by playwright-core; it reaches nothing but this machine.
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

/** chromium launches it; packages is the folder whose node_modules has playwright-core. */
export const chromium = async (packages) => {
  const playwright = createRequire(resolve(packages, 'package.json'))('playwright-core');
  return playwright.chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  });
};
