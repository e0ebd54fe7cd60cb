import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket, createSecureContext } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { freshDatabase } from '../../support/database.ts';
import { requires } from '../../support/requires.ts';
import { fresh, telling } from './telling.ts';

function certificate(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-days', '1'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject],
    {
      stdio: 'ignore',
    },
  );
  const made = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  return made;
}

/** The same server behind TLS, as a provider's: the request is answered, then everything is encrypted. */
async function encrypted(url: string): Promise<{ url: string; connections: () => number }> {
  const secureContext = createSecureContext(certificate());
  const there = new URL(url);
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer(client => {
    sockets.add(client);
    client.on('error', () => {});
    client.once('data', request => {
      expect(request.readUInt32BE(4)).toBe(80_877_103);
      client.write('S');
      const inner = new TLSSocket(client, { isServer: true, secureContext });
      const upstream = connect(Number(there.port), there.hostname);
      for (const [from, to] of [
        [inner, upstream],
        [upstream, inner],
      ] as const) {
        from.on('error', () => to.destroy());
        from.pipe(to);
      }
      sockets.add(upstream);
      connections++;
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const here = new URL(url);
  here.port = String((server.address() as { port: number }).port);
  here.searchParams.set('sslmode', 'no-verify');
  return { url: here.href, connections: () => connections };
}

requires('openssl')('behind TLS', () => {
  test('changes are told, also in reads that cut messages anywhere', async () => {
    const db = await freshDatabase();
    await db.sql('create table t (id int primary key, told text)');
    const { url, connections } = await encrypted(db.url);
    const { line, notes, settle } = await telling(db, { t: ['id'] }, { url });
    expect(connections()).toBe(1);
    await db.sql(`insert into t select n, repeat('x', n * 7) from generate_series(1, 3000) n`);
    await line('t insert → 3000');
    await settle();
    expect(fresh(notes)).toEqual(Array.from({ length: 3000 }, (_, i) => `t insert → ${i + 1}`));
  });
});
