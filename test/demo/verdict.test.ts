import { describe, expect, it } from 'vitest';
import type { Truth } from '../../demo/gremlin/truth.ts';
import { falseHeals, verdict } from '../../demo/judge/verdict.ts';

const at = (ms: number) => new Date(1_700_000_000_000 + ms);

function fault(over: Partial<Truth> = {}): Truth {
  return {
    id: 1,
    kind: 'died',
    invariant: 'order-total',
    subject: ['7'],
    follower: null,
    injected_at: at(0),
    detected_at: at(500),
    healed_at: at(1000),
    ...over,
  };
}

const heal = (invariant: string, subject: string[], ms: number, action: 'set' | 'undo' = 'set') => ({
  invariant,
  subject,
  action,
  committed_at: at(ms),
});

describe('verdict', () => {
  it('counts what was injected, found, healed, and what is open', () => {
    const faults = [
      fault(),
      fault({ kind: 'lost', healed_at: null }),
      fault({ kind: 'lost', healed_at: null, detected_at: null }),
    ];
    expect(verdict(faults, [heal('order-total', ['7'], 1000)])).toMatchObject({
      injected: 3,
      detected: 2,
      healed: 1,
      open: 2,
      false_heals: 0,
      kinds: {
        died: { injected: 1, healed: 1 },
        lost: { injected: 2, healed: 0 },
        stale: { injected: 0, healed: 0 },
      },
    });
  });

  it('leaves out a fault that was announced and never committed', () => {
    expect(verdict([fault({ injected_at: null, healed_at: null })], [])).toMatchObject({
      injected: 0,
      open: 0,
    });
  });

  it('measures from the corrupting to the healing commit, by nearest rank', () => {
    const faults = Array.from({ length: 100 }, (_, i) => fault({ healed_at: at(10 * (i + 1)) }));
    expect(verdict(faults, [])).toMatchObject({ p50_ms: 500, p99_ms: 990 });
    expect(verdict([], [])).toMatchObject({ p50_ms: null, p99_ms: null });
  });
});

describe('false heals', () => {
  it('are rows written that nobody had broken', () => {
    const stranger = heal('order-total', ['8'], 1000);
    expect(falseHeals([fault()], [heal('order-total', ['7'], 1000), stranger])).toEqual([stranger]);
  });

  it('are those before the fault, too', () => {
    const early = heal('order-total', ['7'], -1);
    expect(falseHeals([fault()], [early])).toEqual([early]);
  });

  it("are not what follows from a heal, such as the order's customer", () => {
    expect(falseHeals([fault({ follower: '3' })], [heal('customer-account', ['3'], 1000)])).toEqual([]);
    expect(falseHeals([fault()], [heal('customer-account', ['3'], 1000)])).toHaveLength(1);
  });

  it('are not what a person undid', () => {
    expect(falseHeals([], [heal('order-total', ['7'], 1000, 'undo')])).toEqual([]);
  });

  it('tell keys apart that look alike when joined', () => {
    const faults = [fault({ invariant: 'daily-sales', subject: ['1', '2'] })];
    expect(falseHeals(faults, [heal('daily-sales', ['1,2'], 1000)])).toHaveLength(1);
  });
});
