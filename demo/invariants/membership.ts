import { from, invariant, limit, set } from 'evenkeel';

const provider = process.env['PROVIDER_URL'] ?? 'http://127.0.0.1:4701';

interface Answer {
  memberships: { id: number; tier: string; cents: number }[];
  next: string | null;
}

export const membership = invariant('membership', {
  says: 'A membership is what the payment provider says',
  on: 'memberships',
  // What is declared is too much by half; what the provider allows changes every few seconds, and is found out.
  should: from(limit('provider', { rate: '30/s' }), {
    get: async (keys, { fetch }) => {
      const response = await fetch(`${provider}/memberships?ids=${keys.map(({ id }) => id).join(',')}`);
      return ((await response.json()) as Answer).memberships;
    },
    list: async (cursor, { fetch }) => {
      const response = await fetch(`${provider}/memberships?after=${cursor ?? 0}`);
      const { memberships, next } = (await response.json()) as Answer;
      return { rows: memberships, next };
    },
  }),
  heal: set('tier', 'cents'),
  mode: 'heal',
  // 1 % of so small a table is soon broken.
  guard: 'none',
  grace: '0s',
  every: '1s',
});
