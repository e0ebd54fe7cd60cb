import { readFileSync } from 'node:fs';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { measuresIn } from '../../src/web/measures.ts';
import { freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { serve } from './served.ts';

const docs = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

test('docs/metrics.md lists every metric with its labels and meaning, and no other', async () => {
  const registry = new Registry();
  measuresIn(registry);
  const told = (await registry.getMetricsAsJSON()).map(
    ({ name, help, type }) => `| \`${name}\` | ${type} | ${help} |`,
  );
  const listed = [...docs('metrics.md').matchAll(/^\| `(evenkeel_\w+)`\s*\|\s*(\w+)\s*\|\s*(.*?)\s*\|$/gm)];
  expect(listed.map(([, name, type, help]) => `| \`${name}\` | ${type} | ${help} |`).sort()).toEqual(
    told.sort(),
  );
});

test.each(['grafana.json', 'alerts.yml'])('%s asks for metrics that there are', async name => {
  const registry = new Registry();
  measuresIn(registry);
  const known = new Set((await registry.getMetricsAsJSON()).map(metric => metric.name));
  const asked = [...docs(`metrics/${name}`).matchAll(/evenkeel_\w+/g)].map(([found]) =>
    found.replace(/_(bucket|count|sum)$/, ''),
  );
  expect(asked.length).toBeGreaterThan(5);
  expect(asked.filter(metric => !known.has(metric))).toEqual([]);
});

test('what they tell is what is, and counts grow', async () => {
  const db = await freshDatabase();
  await db.sql(
    'create table t (id int primary key, a int, b int); insert into t values (1, 1, 5), (2, 2, 4)',
  );
  const keel = keelOn(db, {
    doubled:
      '-- evenkeel: should\n-- says: b is twice a\n-- on: t\n-- heal: set\n-- mode: heal\n-- grace: 0s\nselect id, 2 * a as b from t',
    small: '-- evenkeel: broken\n-- says: a is small\n-- on: t\nselect id from t where a > 1',
  });
  await keel.once();
  const web = await serve(db, keel.invariants);
  const value = async (series: string) => {
    const { body, headers } = await web.get('/metrics');
    expect(headers['content-type']).toContain('text/plain');
    const line = body.split('\n').find(one => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.split(' ')[1]);
  };
  expect(await value('evenkeel_violations{invariant="small",state="open"}')).toBe(1);
  expect(await value('evenkeel_violations{invariant="doubled",state="open"}')).toBe(0);
  expect(await value('evenkeel_invariant_state{invariant="small",state="observing"}')).toBe(1);
  expect(await value('evenkeel_database_up')).toBe(1);
  expect(await value('evenkeel_proved_seconds{invariant="small"}')).toBeGreaterThanOrEqual(0);
  // What was before this process is none of its counts.
  expect((await value('evenkeel_healed_total{invariant="doubled"}')) ?? 0).toBe(0);
  await db.sql('update t set b = 0');
  await keel.once();
  expect(await value('evenkeel_healed_total{invariant="doubled"}')).toBe(2);
  expect(await value('evenkeel_healed_total{invariant="doubled"}')).toBe(2);
  expect(await value('evenkeel_heal_seconds_count{invariant="doubled"}')).toBe(2);
});
