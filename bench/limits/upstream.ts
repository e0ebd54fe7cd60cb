/**
 * An upstream with an exact limit: R requests in any rolling second, and not one more. A process of its own, told by messages
 * what its limit is from now on; it answers with what it counted.
 */
import { createServer } from 'node:http';

export interface Order {
  readonly rate: number;
  /** It says in headers what the limit is. */
  readonly says: boolean;
  /** A refusal says when to come again; seconds. */
  readonly after?: number;
}

export interface Counted {
  readonly accepted: number;
  readonly refused: number;
  /** Milliseconds since the last order. */
  readonly ms: number;
}

let order: Order = { rate: 50, says: false };
const accepted: number[] = [];
let counts = { accepted: 0, refused: 0, began: performance.now() };

const server = createServer((request, response) => {
  request.resume();
  const now = performance.now();
  while (accepted[0] !== undefined && accepted[0] <= now - 1_000) accepted.shift();
  const fits = accepted.length < order.rate;
  if (fits) accepted.push(now);
  counts[fits ? 'accepted' : 'refused']++;
  const headers: Record<string, string> = { 'content-length': '2' };
  if (order.says) headers['ratelimit-policy'] = `"default";q=${order.rate};w=1`;
  if (!fits && order.after !== undefined) headers['retry-after'] = `${order.after}`;
  response.writeHead(fits ? 200 : 429, headers);
  response.end('{}');
});
server.keepAliveTimeout = 60_000;

process.on('message', (message: Order | 'count') => {
  if (message !== 'count') {
    // The second before was another limit's: what is over the new one is refused at once.
    order = message;
    counts = { accepted: 0, refused: 0, began: performance.now() };
    process.send?.('ready');
    return;
  }
  const { began, ...rest } = counts;
  process.send?.({ ...rest, ms: performance.now() - began });
});
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }));
