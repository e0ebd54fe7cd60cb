import { access, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadInvariants } from '../../src/load.ts';
import { examples, folders } from './example.ts';

test.each(await folders())(
  '%s is proved by a test of its own, and says what each invariant is',
  async folder => {
    const test = await readFile(join(import.meta.dirname, `${folder}.test.ts`), 'utf8');
    // What others heal is proved with them.
    const others: Record<string, string> = {
      celery: 'celeryWorker(',
      quota: 'redis()',
      subscriptions: 'api.mjs',
    };
    expect(test).toContain(others[folder] ?? `prove('${folder}', {`);
    const readme = await readFile(join(examples, folder, 'README.md'), 'utf8');
    const { invariants, passedOver } = await loadInvariants(join(examples, folder, 'invariants'));
    expect(passedOver).toEqual([]);
    const told = [...readme.matchAll(/`([\w-]+)`/g)].map(([, name]) => name);
    expect(told).toEqual(expect.arrayContaining(invariants.map(({ name }) => name)));
  },
);

test('the index names what exists', async () => {
  const index = await readFile(join(examples, 'README.md'), 'utf8');
  expect(new Set([...index.matchAll(/\]\((\w+)\/\)/g)].map(([, folder]) => folder))).toEqual(
    new Set(await folders()),
  );
  for (const [, folder, named = ''] of index.matchAll(/\]\((\w+)\/\)((?:(?: → |, | )`[\w.-]+`)+)/g)) {
    const { invariants } = await loadInvariants(join(examples, folder!, 'invariants'));
    for (const [, name = ''] of named.matchAll(/`([\w.-]+)`/g)) {
      if (name.endsWith('.ts')) await access(join(examples, folder!, 'invariants', name));
      else expect(invariants.map(one => one.name)).toContain(name);
    }
  }
});

test('both forms of writing are shown', async () => {
  const files = await readdir(examples, { recursive: true });
  expect(files.filter(file => /invariants\/.*\.ts$/.test(file)).length).toBeGreaterThanOrEqual(2);
});
