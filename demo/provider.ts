/** A payment provider with an API as they have them: so many requests in any second and no more, and it changes its mind. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Pool } from 'pg';

export interface Provider {
  readonly url: string;
  /** Requests that it allows in any rolling second, just now. */
  readonly perSecond: number;
  readonly asked: number;
  readonly refused: number;
  close(): Promise<void>;
}

const rates = [12, 4] as const;
/** Nobody is told when it changes. */
const changesEveryMs = 15_000;
const pageSize = 100;

/** It answers from its own books: `provider.memberships`. */
export async function openProvider(books: Pool): Promise<Provider> {
  let turn = 0;
  let [asked, refused] = [0, 0];
  const lately: number[] = [];
  const perSecond = () => rates[turn % rates.length] ?? rates[0];
  const mind = setInterval(() => turn++, changesEveryMs);
  const server = createServer((request, response) => {
    asked++;
    const now = performance.now();
    while ((lately[0] ?? now) < now - 1_000) lately.shift();
    if (lately.length >= perSecond()) {
      refused++;
      response.writeHead(429).end('{}');
      return;
    }
    lately.push(now);
    void answer(books, new URL(request.url ?? '/', 'http://localhost').searchParams).then(
      body => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
      () => response.writeHead(500).end('{}'),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get perSecond() {
      return perSecond();
    },
    get asked() {
      return asked;
    },
    get refused() {
      return refused;
    },
    async close() {
      clearInterval(mind);
      server.closeAllConnections();
      await new Promise(resolve => void server.close(resolve));
    },
  };
}

async function answer(
  books: Pool,
  query: URLSearchParams,
): Promise<{ memberships: object[]; next: string | null }> {
  const ids = query.get('ids')?.split(',');
  const { rows } = await books.query<{ id: number }>(
    `select id, tier, cents from provider.memberships
      where case when $1::int[] is null then id > $2 else id = any($1) end order by id limit $3`,
    [ids ?? null, Number(query.get('after') ?? 0), ids ? ids.length : pageSize],
  );
  const next = !ids && rows.length === pageSize ? String(rows.at(-1)?.id) : null;
  return { memberships: rows, next };
}
