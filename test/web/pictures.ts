/** Takes the pictures of the dashboard that README and docs show, of the demo that runs: `npm run pictures` beside `npm start`. */
import { mkdir } from 'node:fs/promises';
import type { BrowserContextOptions } from 'playwright-core';
import { openBrowser } from '../support/browser.ts';

const [base = 'http://127.0.0.1:4600', folder = 'docs/images'] = process.argv.slice(2);
const desk = { viewport: { width: 1200, height: 800 } };
const shots: readonly [name: string, path: string, options: BrowserContextOptions][] = [
  ['overview', '/', desk],
  ['overview-dark', '/', { ...desk, colorScheme: 'dark' }],
  ['overview-phone', '/', { viewport: { width: 390, height: 844 } }],
  ['invariant', '/invariants/order-total', { viewport: { width: 1200, height: 1000 } }],
  ['journal', '/journal', desk],
  ['waiting', '/waiting', desk],
];
await mkdir(folder, { recursive: true });
const browser = await openBrowser();
for (const [name, path, options] of shots) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(base + path);
  await page.waitForSelector('.live:not([hidden])');
  if (name === 'invariant') await page.getByText('Postgres is being asked').waitFor({ state: 'hidden' });
  await page.screenshot({ path: `${folder}/${name}.png` });
  await context.close();
}
await browser.close();
