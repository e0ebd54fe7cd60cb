import { from, invariant, limit, remove, set } from 'evenkeel';

const api = process.env['BILLING_URL'] ?? 'http://127.0.0.1:4700';
// What the API says of its limit goes before this.
const billing = limit('billing', { rate: '10/s' });

interface Answer {
  data: { id: number; plan: string; seats: number }[];
  more: boolean;
}

export const plan = invariant('plan', {
  says: 'A subscription is what the billing provider says',
  on: 'subscriptions',
  should: from(billing, {
    get: async (keys, { fetch }) => {
      const response = await fetch(`${api}/subscriptions?ids=${keys.map(({ id }) => id).join(',')}`);
      return ((await response.json()) as Answer).data;
    },
    list: async (cursor, { fetch }) => {
      const response = await fetch(`${api}/subscriptions?after=${cursor ?? 0}`);
      const { data, more } = (await response.json()) as Answer;
      return { rows: data, next: more ? String(data.at(-1)?.id) : undefined };
    },
  }),
  heal: [set('plan', 'seats'), remove()],
  mode: 'heal',
  every: '1m',
});
