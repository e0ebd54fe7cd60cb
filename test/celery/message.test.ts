/** What goes to a broker: one malformed message takes down every worker that gets it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { celery } from '../../src/declare/celery.ts';
import { type Message, messageOf, requireSound } from '../../src/celery/message.ts';

const key = 'a'.repeat(64);
const families = [20, 21, 23, 16, 25, 700, 701, 1043, 1184, 1700, 2950, 3802];

test('whatever rows hold, the message is sound, and says what they hold', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          text: fc.option(
            fc.oneof(
              fc.string({ unit: 'binary' }),
              fc.bigInt().map(String),
              fc.constantFrom('NaN', 'Infinity', 't', 'false', '1e400', ''),
            ),
          ),
          family: fc.constantFrom(...families),
        }),
        { minLength: 1, maxLength: 5 },
      ),
      values => {
        const names = values.map((_, i) => `c${i}`);
        const kwargs = Object.fromEntries(names.map(name => [name, name]));
        const given = (name: string) => values[Number(name.slice(1))]!;
        const message = messageOf(celery('a.b', { args: names, kwargs }), given, ['id'], key, 1);
        const [args, named] = JSON.parse(message.body) as [unknown[], Record<string, unknown>];
        expect(args).toHaveLength(values.length);
        expect(Object.values(named)).toEqual(args);
        for (const [i, { text, family }] of values.entries()) {
          if (text === null) expect(args[i]).toBeNull();
          else if (family === 16) expect(typeof args[i]).toBe('boolean');
          else if (typeof args[i] === 'string') expect(args[i]).toBe(text);
          else expect(Number(text)).toBe(args[i]);
        }
      },
    ),
    { numRuns: 1_000 },
  );
});

test('numbers keep every digit', () => {
  const message = messageOf(
    celery('a.b'),
    () => ({ text: '9223372036854775807', family: 20 }),
    ['id'],
    key,
    1,
  );
  expect(message.body).toMatch(/^\[\[9223372036854775807\],/);
});

test('the id is that of the violation and of how often it was handed over', () => {
  const made = (of: string, nth: number) =>
    messageOf(celery('a.b'), () => ({ text: '1', family: 23 }), ['id'], of, nth).id;
  expect(made(key, 1)).toBe(made(key, 1));
  expect(new Set([made(key, 1), made(key, 2), made('b', 1)]).size).toBe(3);
  expect(made(key, 1)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('values are not among what workers log', () => {
  const { headers } = messageOf(
    celery('a.b', { args: ['email'], kwargs: { total: 'sum' } }),
    () => ({ text: 'secret', family: 25 }),
    ['id'],
    key,
    1,
  );
  expect(JSON.stringify(headers)).not.toContain('secret');
  expect(headers).toMatchObject({ argsrepr: '(email)', kwargsrepr: '{total: sum}', eta: null });
});

const good = messageOf(celery('a.b'), () => ({ text: '1', family: 23 }), ['id'], key, 1);
test.each<[string, Partial<Message>]>([
  ['no id', { id: '' }],
  ['another id in the headers', { headers: { ...good.headers, id: 'x' } }],
  ['no task', { headers: { ...good.headers, task: '' } }],
  ['no queue', { queue: '' }],
  ['a body of two parts', { body: '[[],{}]' }],
  ['arguments that are no list', { body: '[{},{},{}]' }],
  ['names that are no object', { body: '[[],[],{}]' }],
  ['nothing after them', { body: '[[],{},null]' }],
  ['a priority of ten', { priority: 10 }],
])('%s is not sent', (_, wrong) => {
  expect(() => requireSound({ ...good, ...wrong })).toThrow(/not a message that Celery workers can take/);
});
