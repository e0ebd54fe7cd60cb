import { existsSync } from 'node:fs';
import { describe, it } from 'vitest';

/** What some suites need beside npm packages: whether it is there, and how to get it. */
const components = {
  'postgres-15': {
    there: () => existsSync('/usr/lib/postgresql/15/bin/postgres'),
    get: 'Debian: apt-get install postgresql',
  },
  pgbouncer: {
    there: () => existsSync('/usr/sbin/pgbouncer'),
    get: 'Debian: apt-get install pgbouncer',
  },
  rabbitmq: {
    there: () => existsSync('/usr/lib/rabbitmq/bin/rabbitmq-server'),
    get: 'Debian: apt-get install rabbitmq-server',
  },
  redis: { there: () => existsSync('/usr/bin/redis-server'), get: 'Debian: apt-get install redis-server' },
  celery: {
    there: () =>
      ['celery', 'redis', 'psycopg2'].every(name => existsSync(`/usr/lib/python3/dist-packages/${name}`)),
    get: 'Debian: apt-get install python3-celery python3-redis python3-psycopg2',
  },
  chromium: { there: () => existsSync('/usr/bin/chromium'), get: 'Debian: apt-get install chromium' },
  openssl: { there: () => existsSync('/usr/bin/openssl'), get: 'Debian: apt-get install openssl' },
  root: { there: () => process.getuid?.() === 0, get: 'the rights to run as other accounts' },
};

export type Component = keyof typeof components;

/**
 * `requires('postgres-15')('name', () => …)` is `describe` where the component is there. Else the suite is
 * skipped, and the last lines of the run say so (skipped.ts); with EVENKEEL_TEST_REQUIRE_ALL=1 it fails.
 */
export function requires(...needed: Component[]): (name: string, suite: () => void) => void {
  const missing = needed.filter(name => !components[name].there());
  if (missing.length === 0) return (name, suite) => describe(name, suite);
  const why = missing.map(name => `${name} (${components[name].get})`).join(', ');
  if (process.env['EVENKEEL_TEST_REQUIRE_ALL'] !== '1') {
    return (name, suite) => describe.skip(`${name} [needs ${why}]`, suite);
  }
  return name =>
    describe(name, () => {
      it('has what it needs', () => {
        throw new Error(`Missing: ${why}`);
      });
    });
}
