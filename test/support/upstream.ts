import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** `performance.now()` when it had arrived. */
  readonly at: number;
}

type Reply = { status?: number; headers?: Record<string, string>; json?: unknown; body?: string } | undefined;

/** A real HTTP server that answers as a test says, and remembers what it was asked. Undefined: it never answers. */
export async function upstream(
  answer: (asked: Asked, nth: number, raw: ServerResponse) => Reply | Promise<Reply>,
): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { method = '', url: path = '', headers } = request;
      const one = { method, path, headers, body: Buffer.concat(chunks).toString(), at: performance.now() };
      asked.push(one);
      const reply = await answer(one, asked.length, response);
      if (!reply) return;
      response.writeHead(reply.status ?? 200, reply.headers);
      response.end(reply.body ?? JSON.stringify(reply.json ?? {}));
    })().catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}
