import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { openBrowser } from '../support/browser.ts';
import { freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { requires } from '../support/requires.ts';
import { until } from '../support/wait.ts';
import { type Served, serve } from './served.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

requires('chromium')('in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  const files = {
    doubled:
      '-- evenkeel: should\n-- says: b is twice a\n-- on: t\n-- heal: set\n-- mode: heal\n-- grace: 0s\nselect id, 2 * a as b from t',
    asking:
      '-- evenkeel: should\n-- says: c is thrice a\n-- on: t\n-- heal: set\n-- grace: 0s\nselect id, 3 * a as c from t',
  };

  async function scene() {
    const db = await freshDatabase();
    await db.sql(
      'create table t (id int primary key, a int, b int, c int); insert into t select g, g, 2 * g, 3 * g from generate_series(1, 30) g',
    );
    const keel = keelOn(db, files, {
      EVENKEEL_CAPTURE: 'sweeps',
      EVENKEEL_SWEEP_PAUSE: '50ms',
      EVENKEEL_SWEEP_DUTY: '0.5',
    });
    const engine = await keel.engine();
    engine.start();
    onTestFinished(() => engine.stop());
    return { db, web: await serve(db, keel.invariants) };
  }

  async function open(web: Served, path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext(options);
    onTestFinished(() => context.close());
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    const foreign: string[] = [];
    const wrong: string[] = [];
    page.on(
      'request',
      request => void (request.url().startsWith(`${web.url}/`) || foreign.push(request.url())),
    );
    page.on('pageerror', error => void wrong.push(error.message));
    page.on('console', message => void (message.type() === 'error' && wrong.push(message.text())));
    onTestFinished(() => expect({ foreign, wrong }).toEqual({ foreign: [], wrong: [] }));
    await page.goto(web.url + path);
    return page;
  }

  test('heals appear live, an approval heals the row, and undo restores it', async () => {
    const { db, web } = await scene();
    const page = await open(web, '/');
    await page.getByText('Nothing was written yet.').waitFor();
    await db.sql('update t set b = 0 where id = 7');
    // Nothing is loaded again: the page does it by itself.
    await page.locator('#latest li', { hasText: 'public.t 7' }).waitFor();
    expect(await page.locator('#latest li').innerText()).toMatch(/b\s+0\s+→\s+14/);

    await db.sql('update t set c = 0 where id = 8');
    const waiting = page.locator('#answers', { hasText: '1 that only a person approves' });
    await waiting.waitFor();
    await page.getByRole('link', { name: '1 that only a person approves' }).click();
    await page.getByRole('button', { name: 'Approve', exact: true }).click();
    await page.getByText('1 violation approved').waitFor();
    await until(async () => (await db.sql('select c from t where id = 8'))[0].c === 24, {
      what: 'the row to be healed',
    });

    await page.getByRole('link', { name: 'Journal' }).click();
    const entry = page.locator('li.card', { hasText: 'public.t 8' });
    await entry.getByRole('button', { name: 'Undo …' }).click();
    await page.getByRole('heading', { name: 'What an undo would do' }).waitFor();
    expect((await db.sql('select c from t where id = 8'))[0].c).toBe(24);
    await page.getByRole('button', { name: 'Undo 1 row' }).click();
    await page.getByText('1 row restored').waitFor();
    expect((await db.sql('select c from t where id = 8'))[0].c).toBe(0);
  });

  test('nothing keeps anybody from using it', async () => {
    const { db, web } = await scene();
    await db.sql('update t set c = 0 where id < 4; update t set b = 0 where id = 9');
    await until(
      async () =>
        (await db.sql('select from evenkeel.entry')).length === 1 &&
        (await db.sql('select from evenkeel.violation')).length === 3,
      { what: 'both' },
    );
    const page = await open(web, '/');
    for (const look of [
      { colorScheme: 'light', width: 1280 },
      { colorScheme: 'dark', width: 390 },
    ] as const) {
      await page.emulateMedia({ colorScheme: look.colorScheme });
      await page.setViewportSize({ width: look.width, height: 800 });
      const paths = [
        '/',
        '/waiting',
        '/journal',
        ...(look.width > 1000 ? ['/invariants/asking', '/causes', '/limits', '/sign-in'] : []),
      ];
      for (const path of paths) {
        await page.goto(web.url + path);
        await page.evaluate(axe);
        const found = (await page.evaluate(
          'axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.map(({ html }) => html) })))',
        )) as {
          impact: string;
        }[];
        expect([path, found.filter(({ impact }) => impact === 'serious' || impact === 'critical')]).toEqual([
          path,
          [],
        ]);
        // Nothing sticks out of a phone.
        expect([path, await page.evaluate('document.documentElement.scrollWidth <= innerWidth')]).toEqual([
          path,
          true,
        ]);
      }
    }
    await page.goto(web.url);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.className')).toBe('skip');
  });

  test('without a script everything can be read and decided', async () => {
    const { db, web } = await scene();
    await db.sql('update t set c = 0 where id = 5');
    await until(async () => (await db.sql('select from evenkeel.violation')).length === 1, {
      what: 'it to be found',
    });
    const page = await open(web, '/', { javaScriptEnabled: false });
    await page.getByRole('link', { name: 'asking' }).first().click();
    await page.getByLabel(/Choose violation/).check();
    await page.getByRole('button', { name: 'Approve what is chosen' }).click();
    const healed = async () => (await db.sql('select c from t where id = 5'))[0].c === 15;
    expect(await until(healed, { what: 'the row to be healed' })).toBe(true);
  });
});
