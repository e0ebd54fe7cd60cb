import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, inject, onTestFinished, test } from 'vitest';
import { type Scratch, type SchemaOf, withScratch } from '../../src/scratch/scratch.ts';
import { chunksOf, linesOf } from '../../src/scratch/lines.ts';
import { load } from '../../src/scratch/load.ts';
import { freshCluster } from '../support/cluster.ts';
import { freshDatabase } from '../support/database.ts';
import { requires } from '../support/requires.ts';

const server = inject('clusterUrl');

async function file(text: string | Buffer): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'evenkeel-test-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const path = join(dir, 'schema.sql');
  await writeFile(path, text);
  return path;
}

/** What a query says in a scratch database, with the row's values as an array. */
async function inScratch(source: SchemaOf, query: string, act?: (scratch: Scratch) => Promise<void>) {
  return withScratch(source, { server }, async scratch => {
    await act?.(scratch);
    return { ...scratch, rows: await ask(scratch.url, query), passed: scratch.rows };
  });
}

async function ask(url: string, text: string): Promise<unknown[][]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query({ text, rowMode: 'array' })).rows as unknown[][];
  } finally {
    await client.end();
  }
}

const loaded = async (text: string, query = 'select 1') => inScratch({ schemaFile: await file(text) }, query);

// Postgres 18's pg_dump in all its moods, full dump included.
const dump = `--
-- PostgreSQL database dump
--

\\restrict Xy12

-- Dumped by pg_dump version 18.4
SET statement_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET a_setting_of_another_version = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET default_tablespace = nowhere_to_be_found;
CREATE DATABASE shop WITH TEMPLATE = template0 ENCODING = 'UTF8';
ALTER DATABASE shop OWNER TO nobody_of_here;
ALTER DATABASE "shop" SET search_path TO 'app', 'public';
\\unrestrict Xy12
\\connect shop
\\restrict Xy12
CREATE SCHEMA app;
ALTER SCHEMA app OWNER TO "nobody; of ""here";
CREATE SCHEMA public;
CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;
COMMENT ON EXTENSION citext IS 'a; b';
CREATE FUNCTION app.twice(n integer) RETURNS integer
    LANGUAGE plpgsql
    AS $_$
begin
  -- it's; $$ not over
  /*
\\connect elsewhere
  */
  return n * 2; /* ' */
end;
$_$;
CREATE FUNCTION app.atomic() RETURNS integer
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT 1;
 SELECT 2;
END;
CREATE TABLE app.orders (
    id integer NOT NULL,
    "it's; a ""name" text DEFAULT 'a;
b'::text,
    é text,
    email public.citext,
    CONSTRAINT known CHECK ((é = ANY (ARRAY['open;'::text, '--'::text])))
);
COPY app.orders (id, "it's; a ""name") FROM stdin;
1\t'unbalanced $$ /*
2\tDROP TABLE app.orders;
\\.

INSERT INTO app.orders VALUES (3, 'INSERTed; too');
SELECT pg_catalog.setval('app.nothing', 1) WHERE false;
CREATE POLICY p ON app.orders TO only_in_policy USING (true);
GRANT SELECT ON TABLE app.orders TO reader_of_orders;
ALTER DEFAULT PRIVILEGES FOR ROLE owner_of_defaults GRANT SELECT ON TABLES TO reader_of_orders;
CREATE SUBSCRIPTION far CONNECTION 'host=10.255.255.1' PUBLICATION p;
DROP INDEX app.none_such;
ALTER TABLE ONLY app.none_such DROP CONSTRAINT none;
`.replace("SELECT pg_catalog.setval('app.nothing', 1) WHERE false;\n", '');

test('a dump is loaded as psql would, without its rows', async () => {
  const { rows, left, passed } = await loaded(
    dump,
    `select (select count(*)::int from orders), app.twice(2), app.atomic(), current_setting('search_path'),
            pg_get_userbyid(nspowner), has_table_privilege('reader_of_orders', 'app.orders', 'select')
       from pg_namespace where nspname = 'app'`,
  );
  expect(rows).toEqual([[0, 4, 2, 'app, public', 'nobody; of "here', true]]);
  expect([left, passed]).toEqual([[], 3]);
  const roles = await ask(
    server,
    `select rolname from pg_roles where rolname ~ 'of_here|_orders|in_policy|of_defaults|; of'`,
  );
  expect(roles).toEqual([]);
});

test('line ends of Windows, a mark at the beginning, and no end of the last statement', async () => {
  const { rows } = await loaded(
    '\uFEFFcreate table a (\r\n  n int\r\n);\r\ncreate table b (n int) -- the end;',
    "select to_regclass('a'), to_regclass('b')",
  );
  expect(rows).toEqual([['a', 'b']]);
});

test('an extension that is not there is left out with what needs it, and nothing else', async () => {
  const { rows, left } = await loaded(
    `create extension far_away;
     comment on extension far_away is 'x';
     create table places (id int, at geography);
     create index on places using gist (at);
     create table plain (id int);`,
    "select to_regclass('plain'), to_regclass('places')",
  );
  expect(rows).toEqual([['plain', null]]);
  expect(left.map(({ line, statement }) => `${line} ${statement}`)).toEqual([
    '1 create extension far_away',
    "2 comment on extension far_away is 'x'",
    '3 create table places (id int, at geography)',
    '4 create index on places using gist (at)',
  ]);
});

test('nothing that reaches another server is there, nor what needs it; no password is told', async () => {
  const { rows, left } = await loaded(
    `create extension postgres_fdw;
     create extension if not exists dblink with schema public;
     create extension jsonb_plperlu cascade;
     create language plpython3u;
     create foreign data wrapper own;
     create server live foreign data wrapper own options (host '10.255.255.1', password 'hunter2');
     alter server live options (set password 'hunter2');
     create user mapping for public server live options (user 'me', password 'hunter2');
     create function far(text) returns text language c as '$libdir/dblink', 'dblink_connect';
     create foreign table orders (id int) server live;
     create view ids as select id from orders;
     create extension citext;
     create table plain (id int, name citext);`,
    `select to_regclass('plain'), to_regclass('orders'), to_regprocedure('far(text)'),
            (select count(*)::int from pg_foreign_data_wrapper) + (select count(*)::int from pg_user_mapping),
            (select count(*)::int from pg_language where not lanpltrusted and lanname not in ('internal', 'c'))`,
  );
  expect(rows).toEqual([['plain', null, null, 0, 0]]);
  expect(left.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 6, 9, 10, 11]);
  expect(left[5]).toEqual({
    line: 6,
    statement: 'create server live foreign data wrapper own',
    why: 'it reaches beyond this database',
  });
  expect(JSON.stringify(left)).not.toContain('hunter2');
});

const failures = [
  [
    'create table a (n int);\n\ncreate table b (\n  n int,\n  m nosuch\n);',
    5,
    'create table b ( n int, m nosuch ): type "nosuch" does not exist',
  ],
  [
    'select 1;\ncreate table a (n int)\ncreate table b (n int);',
    3,
    /^create table a .*syntax error at or near "create"/,
  ],
  ["-- é 𝄞\ncreate table a (n text default '𝄞é;\n);\n", 2, /unterminated quoted string/],
  [
    'create function f() returns int language sql as $a$ select 1; $b$;\nselect 1;',
    1,
    /unterminated dollar-quoted string/,
  ],
  ['create function f() returns int begin atomic select 1;', 1, /syntax error at end of input/],
  ['\\i other.sql\n', 1, '\\i is a command of psql, which is not run here'],
  ["set client_encoding = 'LATIN1';", 1, /another encoding than UTF-8/],
  [Buffer.from('select 1;\nselect \xe9;', 'latin1'), 2, 'it is no text in UTF-8'],
  [Buffer.from('select 1;', 'utf16le'), 1, 'it is no text in UTF-8'],
  [Buffer.from('PGDMP\x01\x0e'), undefined, 'it is an archive, and no plain SQL'],
] as const;

test('what fails is said, with its line and the first words', async () => {
  const client = await (await freshDatabase()).client();
  for (const [text, line, message] of failures) {
    const schemaFile = await file(text);
    const chunks = linesOf(chunksOf(schemaFile), schemaFile);
    await expect(load({ client, database: 'x', roles: [] }, chunks, schemaFile)).rejects.toMatchObject({
      code: 'bad-schema',
      message: typeof message === 'string' ? message : expect.stringMatching(message),
      place: { file: schemaFile, ...(line === undefined ? {} : { line }) },
    });
    await client.query('drop table if exists a');
  }
});

test('a file that is not there', async () => {
  const failing = withScratch({ schemaFile: '/nowhere/schema.sql' }, { server }, async () => undefined);
  await expect(failing).rejects.toMatchObject({ code: 'bad-schema', message: 'there is no such file' });
});

test('nothing is left, whether the work or the schema fails', async () => {
  const names = new Set<string>();
  const work = ({ url }: Scratch) => {
    names.add(new URL(url).pathname.slice(1));
    return Promise.reject(new Error('the work failed'));
  };
  const schemaFile = await file('create table a (n int); create policy p on a to role_left_over;');
  await expect(withScratch({ schemaFile }, { server }, work)).rejects.toThrow('the work failed');
  const broken = await file(
    'create policy p on nowhere to role_left_over; grant role_left_over to nobody_at_all',
  );
  await expect(withScratch({ schemaFile: broken }, { server }, work)).rejects.toThrow('nowhere');
  expect(names.size).toBe(1);
  expect(
    await ask(
      server,
      `select 1 from pg_database where datname = any('{${[...names].join()}}') union all
    select 1 from pg_roles where rolname = 'role_left_over'`,
    ),
  ).toEqual([]);
});

requires('postgres-15')('with pg_dump', () => {
  test('the schema of a live database, which is only read', { timeout: 120_000 }, async () => {
    // As old as the pg_dump that is at hand.
    const live = await freshCluster({ binDir: '/usr/lib/postgresql/15/bin' });
    await ask(
      live.url,
      `create schema app; create table app.orders (id int primary key, state text check (state in ('a', 'b')));
       insert into app.orders values (1, 'a'); alter database postgres set search_path = app;
       create schema evenkeel; create function evenkeel.f() returns trigger language plpgsql as 'begin return null; end';
       create trigger t after insert on app.orders execute function evenkeel.f()`,
    );
    const { rows } = await inScratch(
      { like: live.url },
      `select count(*)::int, to_regnamespace('evenkeel') from orders`,
    );
    expect(rows).toEqual([[0, null]]);
    const gone = new URL(live.url);
    gone.pathname = 'none_such';
    gone.password = 'wrong-password';
    const failing = withScratch({ like: gone.href }, { server }, async () => undefined);
    await expect(failing).rejects.toMatchObject({
      code: 'no-pg-dump',
      message: expect.not.stringContaining('wrong-password'),
    });
  });
});

test('a thousand functions of a hundred lines are not read again and again', async () => {
  const body = Array.from({ length: 100 }, (_, i) => `  perform ${i};`).join('\n');
  const text = Array.from(
    { length: 1000 },
    (_, i) => `create function f${i}() returns void language plpgsql as $$\nbegin\n${body}\nend\n$$;`,
  );
  const { rows } = await loaded(
    text.join('\n'),
    "select count(*)::int from pg_proc where pronamespace = 'public'::regnamespace",
  );
  expect(rows).toEqual([[1000]]);
});
