/** Takes the pictures of the dashboard that README and docs show, of the demo that runs: `npm run pictures` beside `npm start`. */
import { mkdir } from 'node:fs/promises';
import { chromium, type Page } from 'playwright-core';

const base = process.argv[2] ?? 'http://127.0.0.1:4600';
const folder = process.argv[3] ?? 'docs/images';

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
const shots: readonly [name: string, path: string, options: Parameters<typeof browser.newContext>[0]][] = [
  ['overview', '/', { viewport: { width: 1280, height: 860 } }],
  ['overview-dark', '/', { viewport: { width: 1280, height: 860 }, colorScheme: 'dark' }],
  ['overview-phone', '/', { viewport: { width: 390, height: 844 }, isMobile: true }],
  ['invariant', '/invariants/order-total', { viewport: { width: 1280, height: 1000 } }],
  ['journal', '/journal', { viewport: { width: 1280, height: 860 } }],
  ['waiting', '/waiting', { viewport: { width: 1280, height: 860 } }],
  ['causes', '/causes', { viewport: { width: 1280, height: 700 } }],
  ['limits', '/limits', { viewport: { width: 1280, height: 300 } }],
];
await mkdir(folder, { recursive: true });
for (const [name, path, options] of shots) {
  const context = await browser.newContext(options);
  const page: Page = await context.newPage();
  await page.goto(base + path);
  await page.waitForSelector('.live:not([hidden])');
  await page.screenshot({ path: `${folder}/${name}.png` });
  await context.close();
}
await browser.close();
