/** The smallest invariant that heals: of `t (id, a, b)`, b is twice a. As it would stand in a file. */
export const double = (head: readonly string[], { on = 't', key = 'id', where = '' } = {}): string =>
  [
    '-- evenkeel: should',
    '-- says: b is twice a',
    `-- on: ${on}`,
    ...head.map(line => `-- ${line}`),
    `select ${key}, 2 * a as b from ${on} ${where}`,
  ].join('\n');

/** As soon as it is found, and however much it is. */
export const unguarded = ['heal: set', 'guard: none', 'grace: 0s'];
