import { describe, expect, it } from 'vitest';
import { kindNames } from '../../demo/gremlin/faults.ts';
import type { Findings } from '../../demo/judge/judge.ts';
import { verdict, type Verdict } from '../../demo/judge/verdict.ts';
import { conclude, leastOfEach } from '../../demo/screen/summary.ts';

/** A show that ended by itself, with as many faults healed of each kind as it takes. */
function findings(over: Partial<Findings> = {}, healed = leastOfEach): Findings {
  const kinds = Object.fromEntries(kindNames.map(kind => [kind, { injected: healed, healed }]));
  return {
    verdict: { ...verdict([], []), kinds: kinds as Verdict['kinds'], p50_ms: 900, p99_ms: 2000 },
    wrong: [],
    open: [],
    strangers: [],
    ...over,
  };
}
const alone = { without: 70, brokenPromises: 0, ends: true, byHand: false };
const fault = { invariant: 'order-total', subject: ['7'] };
const open = [fault] as unknown as Findings['open'];
const strangers = [{ ...fault, action: 'set' }] as unknown as Findings['strangers'];
const kept = (found: Findings, circumstances = alone) => conclude(found, circumstances).kept;

describe('the promises are kept', () => {
  it('if ten of each kind were healed, none is open, and nothing else was touched', () => {
    expect(kept(findings())).toBe(true);
    expect(kept(findings({}, leastOfEach - 1))).toBe(false);
    expect(kept(findings({ open }))).toBe(false);
    expect(kept(findings({ wrong: [{ rule: 'order-total', key: ['7'] }] }))).toBe(false);
    expect(kept(findings({ strangers }))).toBe(false);
    expect(kept(findings(), { ...alone, brokenPromises: 1 })).toBe(false);
  });

  it('if somebody ends the show before that', () => {
    expect(kept(findings({ open }, 0), { ...alone, ends: false })).toBe(true);
    expect(kept(findings({ strangers }, 0), { ...alone, ends: false })).toBe(false);
  });

  it('if somebody at the terminal broke something, as invited', () => {
    expect(kept(findings({ strangers }), { ...alone, byHand: true })).toBe(true);
  });
});

it('the summary names what broke a promise', () => {
  const { summary } = conclude(findings({ open, strangers }), alone);
  expect(summary).toContain('Open: order-total 7');
  expect(summary).toContain('Not broken: order-total 7');
  expect(conclude(findings(), alone).summary).toEqual([
    'The gremlin broke 0 rows in each shop. Wrong now: 70 without Evenkeel, 0 with it.',
    'Evenkeel healed 0, half of them within 0.9 s and 99 of 100 within 2.0 s of the commit that broke them.',
    '0 rows were written that nobody had broken.',
  ]);
});
