// A billing API as they are: pages, a rate limit that it states, and refusals. `node api.mjs [port]`
import { createServer } from 'node:http';

export const subscriptions = new Map([
  [1, { id: 1, plan: 'team', seats: 5 }],
  [2, { id: 2, plan: 'team', seats: 3 }], // upgraded; the webhook got lost
  [4, { id: 4, plan: 'free', seats: 1 }], // never heard of here
]);
const perSecond = 20;
const lately = [];

export const server = createServer((request, response) => {
  const now = performance.now();
  while (lately[0] < now - 1_000) lately.shift();
  const headers = { 'content-type': 'application/json', 'ratelimit-policy': `"default";q=${perSecond};w=1` };
  if (lately.length >= perSecond) {
    response.writeHead(429, { ...headers, 'retry-after': '1' }).end('{}');
    return;
  }
  lately.push(now);
  const url = new URL(request.url, 'http://localhost');
  const ids = url.searchParams.get('ids');
  const all = [...subscriptions.values()];
  const after = Number(url.searchParams.get('after') ?? 0);
  const data = ids
    ? all.filter(({ id }) => ids.split(',').includes(String(id)))
    : all.filter(({ id }) => id > after).slice(0, 2);
  response.writeHead(200, headers).end(JSON.stringify({ data, more: !ids && data.length === 2 }));
});

if (process.argv[1] === import.meta.filename) server.listen(Number(process.argv[2] ?? 4700), '127.0.0.1');
