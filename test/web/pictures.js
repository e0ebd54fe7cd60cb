// Takes the pictures of the dashboard that README and docs show, of the demo that runs: `npm run pictures` beside `npm start`.
// Plain JavaScript: playwright doesn't load under a loader of TypeScript.
import { mkdir } from 'node:fs/promises';
import { chromium } from 'playwright-core';

const [base = 'http://127.0.0.1:4600', folder = 'docs/images'] = process.argv.slice(2);
const desk = { viewport: { width: 1200, height: 800 } };
/** @type {[name: string, path: string, options: import('playwright-core').BrowserContextOptions][]} */
const shots = [
  ['overview', '/', desk],
  ['overview-dark', '/', { ...desk, colorScheme: 'dark' }],
  ['overview-phone', '/', { viewport: { width: 390, height: 844 } }],
  ['invariant', '/invariants/order-total', { viewport: { width: 1200, height: 1000 } }],
  ['journal', '/journal', desk],
  ['waiting', '/waiting', desk],
];
const off = ['gpu', 'quic', 'background-networking', 'component-update', 'sync'];
await mkdir(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--no-first-run', ...off.map(what => `--disable-${what}`)],
});
for (const [name, path, options] of shots) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(base + path);
  await page.waitForSelector('.live:not([hidden])');
  await page.screenshot({ path: `${folder}/${name}.png` });
  await context.close();
}
await browser.close();
