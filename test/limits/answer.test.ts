/** What upstreams say of their limits, as they were seen to say it; and whatever else may come. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Dialect } from '../../src/declare/limit.ts';
import { readAnswer } from '../../src/limits/answer.ts';
import { presets } from '../../src/limits/presets.ts';
import { mostWaitMs, untilMs } from '../../src/limits/when.ts';

const now = Date.parse('2026-11-24T12:00:00Z');
const read = (headers: Record<string, string>, dialect: Dialect = 'common', status = 200, body?: unknown) =>
  readAnswer({ status, headers: new Headers(headers), body }, dialect, now);

describe('times', () => {
  test.each([
    ['30', 30_000],
    ['0', 0],
    ['1.5', 1_500],
    ['1795521660', 60_000],
    ['1795521660000', 60_000],
    ['Tue, 24 Nov 2026 12:00:05 GMT', 5_000],
    ['2026-11-24T12:00:07Z', 7_000],
    ['2026-11-24T13:00:07+01:00', 7_000],
    ['Tue Nov 24 2026 12:00:09 GMT+0000 (Coordinated Universal Time)', 9_000],
    ['6m0s', 360_000],
    ['12ms', 12],
    ['1h', mostWaitMs],
    ['1m30.5s', 90_500],
    // The past, and what nobody waits for.
    ['2020-01-01T00:00:00Z', 0],
    ['1577836800', 0],
    ['9999-12-31T23:59:59Z', mostWaitMs],
    ['2678400', mostWaitMs],
    ['99999999', undefined],
    ['-1', undefined],
    ['-2026-01-01', undefined],
    ['soon', undefined],
    ['', undefined],
    ['1e9', undefined],
    ['Infinity', undefined],
    ['2026', 2_026_000],
    ['9'.repeat(400), undefined],
  ])('%s', (text, ms) => expect(untilMs(text, now)).toBe(ms));
});

describe('what most send', () => {
  test.each([
    [
      'the draft',
      { 'ratelimit-policy': '"burst";q=100;w=60', ratelimit: '"burst";r=50;t=30' },
      { refused: false, quota: { units: 100, windowMs: 60_000 }, left: { units: 50, forMs: 30_000 } },
    ],
    [
      'of two policies the slower',
      { 'ratelimit-policy': '"a";q=10;w=1, "b";q=100;w=60' },
      { refused: false, quota: { units: 100, windowMs: 60_000 } },
    ],
    [
      'another unit is another limit',
      {
        'ratelimit-policy': '"a";q=1000;w=1;qu="content-bytes"',
        ratelimit: '"a";r=0;t=9;qu="content-bytes"',
      },
      { refused: false },
    ],
    [
      'an older draft',
      { ratelimit: 'limit=100, remaining=50, reset=30' },
      { refused: false, left: { units: 50, forMs: 30_000 } },
    ],
    [
      'the oldest, as Envoy sends it',
      { 'ratelimit-limit': '10, 10;w=1', 'ratelimit-remaining': '3', 'ratelimit-reset': '1' },
      { refused: false, quota: { units: 10, windowMs: 1_000 }, left: { units: 3, forMs: 1_000 } },
    ],
    [
      'x-',
      { 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '7' },
      { refused: false, left: { units: 0, forMs: 7_000 }, waitMs: 7_000 },
    ],
    ['a limit without a window is no rate', { 'x-ratelimit-limit': '60' }, { refused: false }],
    ['nothing', {}, { refused: false }],
    [
      'from a cache',
      { age: '9', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '7' },
      { refused: false },
    ],
    [
      'nonsense',
      { 'ratelimit-policy': '((((', ratelimit: '"a";r=-4;t=1e99', 'x-ratelimit-remaining': 'many' },
      { refused: false },
    ],
    ['no limit at all', { 'x-ratelimit-limit': '-1', 'x-ratelimit-remaining': '-1' }, { refused: false }],
  ] as const)('%s', (_, headers, told) => expect(read(headers)).toEqual(told));

  test('Retry-After goes first, by the upstream’s own clock', () => {
    expect(read({ 'retry-after': '3', ratelimit: '"a";r=0;t=30' }, 'common', 429)).toMatchObject({
      refused: true,
      waitMs: 3_000,
    });
    expect(read({ 'retry-after-ms': '250', 'retry-after': '3' }, 'common', 429)).toMatchObject({
      waitMs: 250,
    });
    const skewed = { date: 'Tue, 24 Nov 2026 10:00:00 GMT', 'retry-after': 'Tue, 24 Nov 2026 10:00:04 GMT' };
    expect(read(skewed, 'common', 503)).toEqual({ refused: true, waitMs: 4_000 });
  });

  test('429 refuses, 503 only with a time, anything else not at all', () => {
    expect(read({}, 'common', 429)).toEqual({ refused: true });
    expect(read({}, 'common', 503)).toEqual({ refused: false });
    expect(read({ 'retry-after': '1' }, 'common', 500)).toEqual({ refused: false });
    expect(read({ 'retry-after': '1' }, 'common', 403)).toEqual({ refused: false });
    expect(read({ 'x-should-retry': 'false' }, 'common', 429)).toMatchObject({ retry: false });
  });
});

describe('presets', () => {
  test('github', () => {
    const left = (n: string) => ({
      'x-ratelimit-limit': '5000',
      'x-ratelimit-remaining': n,
      'x-ratelimit-reset': '1795522200',
    });
    expect(read(left('4990'), 'github')).toEqual({
      refused: false,
      quota: { units: 5000, windowMs: 3_600_000 },
      left: { units: 4990, forMs: 600_000 },
    });
    expect(read(left('0'), 'github', 403)).toMatchObject({ refused: true, waitMs: 600_000 });
    expect(read({ 'retry-after': '60' }, 'github', 403)).toEqual({ refused: true, waitMs: 60_000 });
    expect(read({}, 'github', 403, { message: 'You have exceeded a secondary rate limit' })).toEqual({
      refused: true,
      waitMs: 60_000,
    });
    expect(read(left('4990'), 'github', 403)).toMatchObject({ refused: false });
  });

  test('stripe', () => {
    expect(
      read({ 'stripe-rate-limited-reason': 'global-rate', 'stripe-should-retry': 'true' }, 'stripe', 429),
    ).toEqual({ refused: true, retry: true });
    expect(read({}, 'stripe', 429, { error: { code: 'lock_timeout' } })).toEqual({ refused: false });
  });

  test('shopify', () => {
    expect(read({ 'x-shopify-shop-api-call-limit': '32/40' }, 'shopify')).toEqual({
      refused: false,
      quota: { units: 40, windowMs: 20_000 },
      left: { units: 8 },
    });
    expect(read({ 'x-shopify-shop-api-call-limit': '40/0' }, 'shopify')).toEqual({ refused: false });
    const body = {
      extensions: {
        cost: {
          actualQueryCost: 7,
          throttleStatus: { maximumAvailable: 1000, currentlyAvailable: 990, restoreRate: 50 },
        },
      },
    };
    expect(read({}, 'shopify', 200, body)).toEqual({
      refused: false,
      quota: { units: 1000, windowMs: 20_000 },
      left: { units: 990 },
      spent: 7,
    });
    expect(
      read({}, 'shopify', 200, { ...body, errors: [{ extensions: { code: 'THROTTLED' } }] }),
    ).toMatchObject({ refused: true });
    const cost = { ...body.extensions.cost, requestedQueryCost: 1_080 };
    const refusal = { errors: [{ extensions: { code: 'THROTTLED' } }], extensions: { cost } };
    expect(read({}, 'shopify', 200, refusal)).toMatchObject({ refused: true, waitMs: 1_800 });
    expect(read({}, 'shopify', 200, { extensions: { cost } })).not.toHaveProperty('waitMs');
  });

  test('aws: by the error’s name, in the header or the body', () => {
    const thrown = { __type: 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException' };
    expect(read({ 'x-amzn-errortype': 'ThrottlingException:http://internal/' }, 'aws', 400)).toEqual({
      refused: true,
    });
    expect(read({}, 'aws', 400, thrown)).toEqual({ refused: true });
    expect(read({}, 'aws', 503, { code: 'SlowDown' })).toEqual({ refused: true });
    expect(read({ 'x-amzn-errortype': 'ValidationException' }, 'aws', 400)).toEqual({ refused: false });
    expect(read({}, 'aws', 429)).toEqual({ refused: true });
  });

  test('of an account’s and a project’s limit the slower counts; fast requests have one of their own', () => {
    const both = {
      'x-ratelimit-limit-tokens': '150000',
      'x-ratelimit-remaining-tokens': '149000',
      'x-ratelimit-limit-project-tokens': '60000',
      'x-ratelimit-remaining-project-tokens': '59000',
    };
    expect(read(both, 'openai-tokens')).toEqual({
      refused: false,
      quota: { units: 60_000, windowMs: 60_000 },
      left: { units: 59_000 },
    });
    const fast = {
      'anthropic-fast-input-tokens-limit': '20000',
      'anthropic-fast-input-tokens-remaining': '0',
      'anthropic-priority-input-tokens-limit': '5',
      'anthropic-priority-input-tokens-remaining': '0',
    };
    expect(read(fast, 'anthropic-input-tokens')).toEqual({
      refused: false,
      quota: { units: 20_000, windowMs: 60_000 },
      left: { units: 0 },
    });
  });

  test('openai and anthropic: a reset to full is nothing to wait for', () => {
    const openai = {
      'x-ratelimit-limit-requests': '60',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '6m0s',
      'x-ratelimit-limit-tokens': '150000',
      'x-ratelimit-remaining-tokens': '149984',
      'x-ratelimit-reset-tokens': '12ms',
    };
    expect(read(openai, 'openai')).toEqual({
      refused: false,
      quota: { units: 60, windowMs: 60_000 },
      left: { units: 0 },
    });
    expect(read(openai, 'openai-tokens')).toEqual({
      refused: false,
      quota: { units: 150_000, windowMs: 60_000 },
      left: { units: 149_984 },
    });
    expect(read({ ...openai, 'retry-after-ms': '900' }, 'openai', 429)).toMatchObject({
      refused: true,
      waitMs: 900,
    });
    expect(
      read({ 'x-ratelimit-limit-requests': '-1', 'x-ratelimit-remaining-requests': '-1' }, 'openai'),
    ).toEqual({ refused: false });
    const anthropic = {
      'anthropic-ratelimit-input-tokens-limit': '80000',
      'anthropic-ratelimit-input-tokens-remaining': '79000',
      'anthropic-ratelimit-input-tokens-reset': '2026-11-24T12:00:01Z',
    };
    expect(read(anthropic, 'anthropic-input-tokens')).toEqual({
      refused: false,
      quota: { units: 80_000, windowMs: 60_000 },
      left: { units: 79_000 },
    });
    expect(read({ 'retry-after': '13' }, 'anthropic', 429)).toEqual({ refused: true, waitMs: 13_000 });
  });
});

const names = [
  'retry-after',
  'retry-after-ms',
  'ratelimit',
  'ratelimit-policy',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-reset-requests',
  'anthropic-ratelimit-requests-limit',
  'anthropic-fast-requests-limit',
  'x-ratelimit-limit-project-requests',
  'x-amzn-errortype',
  'x-shopify-shop-api-call-limit',
  'date',
  'age',
  'x-should-retry',
];
const printable = fc.string({
  unit: fc.constantFrom(...Array.from(' !"#$%&\'()*+,-./0123456789:;<=>?@ABCTZ[]^_`aehmrstwq{|}~')),
  maxLength: 60,
});
const value = fc.oneof(
  printable,
  fc.integer().map(String),
  fc.double().map(String),
  fc.bigInt().map(String),
  fc.date({ noInvalidDate: true }).map(date => date.toISOString()),
  fc.date({ noInvalidDate: true }).map(date => date.toUTCString()),
  fc.constantFrom(
    '9999-12-31T23:59:59Z',
    '0',
    '-1',
    '1e308',
    '"a";q=0;w=0',
    '"a";q=1;w=-5, b',
    '(1 2);q=5;w=1',
    'limit=1, remaining=0, reset=999999999',
    '0/0',
    '4/2',
  ),
);

test('whatever comes, reading never throws, and never waits for longer than an hour', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...names), value),
      fc.constantFrom('common' as const, ...(Object.keys(presets) as Dialect[])),
      fc.constantFrom(200, 403, 429, 500, 503),
      fc.jsonValue(),
      fc.integer({ min: 0, max: 4e12 }),
      (headers, dialect, status, body, clock) => {
        const told = readAnswer({ status, headers: new Headers(headers), body }, dialect, clock);
        const fits = (n: number | undefined, least: number, most: number) =>
          n === undefined || (n >= least && n <= most);
        expect(fits(told.waitMs, 0, mostWaitMs)).toBe(true);
        expect(fits(told.left?.forMs, 0, mostWaitMs)).toBe(true);
        expect(fits(told.left?.units, 0, 1e9)).toBe(true);
        expect(told.quota === undefined || (told.quota.units > 0 && told.quota.windowMs > 0)).toBe(true);
        expect(Number.isFinite((told.quota?.units ?? 0) / (told.quota?.windowMs ?? 1))).toBe(true);
      },
    ),
    { numRuns: 5_000 },
  );
});
