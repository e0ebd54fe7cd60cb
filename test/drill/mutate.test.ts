import { expect, test } from 'vitest';
import { mutantsOf } from '../../src/drill/mutate.ts';

const of = (sql: string, mayBeNull = true) =>
  mutantsOf(sql, () => mayBeNull)
    .map(mutant => `${mutant.kind}: ${mutant.sql}`)
    .sort();

test('each small mistake is made once, in the text as it stands', () => {
  expect(of(`select id from t where a <> 'é' and (b or not c) -- and\n`)).toEqual([
    `and/or: select id from t where a <> 'é' and (b and not c) -- and\n`,
    `and/or: select id from t where a <> 'é' or (b or not c) -- and\n`,
    `comparison: select id from t where a = 'é' and (b or not c) -- and\n`,
    `dropped: select id from t where a <> 'é' and (b or false) -- and\n`,
    `dropped: select id from t where a <> 'é' and (false or not c) -- and\n`,
    `dropped: select id from t where a <> 'é' and true -- and\n`,
    `dropped: select id from t where true and (b or not c) -- and\n`,
    `not: select id from t where a <> 'é' and (b or  c) -- and\n`,
    `null: select id from t where a is distinct from 'é' and (b or not c) -- and\n`,
  ]);
});

test('joins, IN, BETWEEN, spans of time and numbers; not what rows meet by, nor places', () => {
  const made = of(
    `select t.id from t left outer join u on u.id = t.id where t.a between 1 and 2 and t.s in ('x', 'y') and at < now() - interval '2 hours' order by 1`,
    false,
  );
  const parts = [
    'comparison: at <= now()',
    'comparison: at > now()',
    'constant: between 0 and 2',
    'constant: between 1 and 1',
    'constant: between 1 and 3',
    'constant: between 2 and 2',
    `constant: in ('x', 'x')`,
    `constant: in ('y', 'y')`,
    `constant: '1 hours'`,
    `constant: '4 hours'`,
    'dropped: where true and t.s in',
    'dropped: and 2 and true and at <',
    `dropped: ('x', 'y') and true`,
    'join: from t join u',
    'not: t.s not in',
  ];
  for (const part of parts) {
    const [kind = '', text = ''] = part.split(': ');
    expect(
      made.filter(one => one.startsWith(kind) && one.includes(text)),
      part,
    ).toHaveLength(1);
  }
  expect(made).toHaveLength(parts.length);
});
