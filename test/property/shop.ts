import type { Invariant } from '../../src/declare/invariant.ts';
import { parse } from '../../src/declare/parse.ts';
import type { Tape } from './tape.ts';

/**
 * A random database of families, parents and children, and random invariants over it with remedies of every kind:
 * counters, sums, roll-ups of roll-ups, a mirror, orphans, a ledger of compensations, a status, heads of groups.
 */
export interface Shop {
  readonly ddl: string;
  readonly invariants: readonly Invariant[];
  /** What must be false of a subject ($1) when its heal commits: where every writer locks the parent first, it can be told. */
  readonly truths: readonly { readonly invariant: string; readonly broken: string }[];
  /** Key columns of a parent, and of what refers to one. */
  readonly key: readonly string[];
  readonly ref: readonly string[];
  readonly keys: readonly (readonly string[])[];
  readonly cascade: 'cascade' | 'set null' | 'none';
  /** A trigger keeps the count. */
  readonly counting: boolean;
  readonly has: ReadonlySet<string>;
}

const kinds = [
  'count',
  'total',
  'mirror',
  'rollup',
  'orphan',
  'payment',
  'status',
  'head',
  'purge',
  'cap',
] as const;

export function shop(tape: Tape): Shop {
  const composite = tape.chance(35);
  const types = composite ? ['int', 'text'] : [tape.pick(['int', 'bigint', 'text', 'numeric', 'uuid'])];
  const key = composite ? ['a', 'b'] : ['id'];
  const ref = composite ? ['pa_id', 'pb_id'] : ['p_id'];
  const keys = Array.from({ length: 4 }, (_, n) =>
    types.map((type, i) => keyOf(type, i === 0 ? n >> 1 : n & 1, n, composite)),
  );
  const cascade = tape.pick(['cascade', 'set null', 'none'] as const);
  const counting = tape.chance(20);
  const audited = tape.chance(30);
  const stamped = tape.chance(30);
  const linked = tape.chance(50);
  const amount = tape.pick(['int', 'numeric', 'numeric(12,2)']);
  const n = tape.pick(['int', 'bigint', 'numeric']);
  const chosen = new Set<string>(tape.some(kinds, 60));
  if (chosen.size < 2) chosen.add('count').add('total');
  if (cascade !== 'none') chosen.delete('orphan');
  const partition = tape.chance(20) ? ` partition by hash (${key[0]})` : '';

  const list = (columns: readonly string[]) => columns.map((name, i) => `${name} ${types[i]}`).join(', ');
  const names = (columns: readonly string[]) => columns.join(', ');
  const foreign = (more: string) => `, foreign key (${names(ref)}) references p ${more}`;
  const ddl = `
    create table g (id int primary key, total numeric);
    create table p (${list(key)}, g_id int, n ${n} default 0, total ${amount} default 0, paid int not null default 0,
      status text default 'ok', head boolean not null default false, hits int not null default 0, label text,
      version int not null default 0, primary key (${names(key)}))${partition};
    ${partition ? [0, 1].map(i => `create table p_${i} partition of p for values with (modulus 2, remainder ${i});`).join(' ') : ''}
    create table c (id int primary key, ${list(ref)}, amount ${amount}${
      cascade === 'none' ? '' : foreign(`on delete ${cascade}`)
    });
    ${tape.chance(70) ? `create index on c (${names(ref)});` : ''}
    create table m (${list(ref)}, label text, primary key (${names(ref)})${linked ? foreign('on delete cascade') : ''});
    create table l (id int generated always as identity primary key, ${list(ref)}, amount int);
    create table audit (id int generated always as identity primary key, what text);
    ${audited ? trigger('audited', 'after update on p', `insert into audit (what) values (new.status);`, 'null') : ''}
    ${stamped ? trigger('stamped', 'before update on p', 'new.version := old.version + 1;', 'new') : ''}
    ${counting ? trigger('counting', 'after insert or delete or update on c', counted(key, ref), 'null') : ''}`;

  const on = (a: string, b: string) => key.map((name, i) => `${a}.${name} = ${b}.${ref[i]}`).join(' and ');
  const keyList = key.map(name => `p.${name}`).join(', ');
  const touches = audited ? `-- touches: audit` : '';
  const purged = [...(cascade === 'none' ? [] : ['c']), ...(linked ? ['m'] : [])];
  const files: Record<string, string> = {
    count:
      head('should', 'p', 'set', touches) +
      `select ${keyList}, count(c.id) as n from p left join c on ${on('p', 'c')} group by ${keyList}`,
    total:
      head('should', 'p', 'set', touches) +
      `select ${keyList}, (select coalesce(sum(c.amount), 0) from c where ${on('p', 'c')}) as total from p`,
    mirror:
      head('should', 'm', 'set; insert; remove', '') +
      `select ${key.map((name, i) => `p.${name} as ${ref[i]}`).join(', ')}, p.label from p where p.status <> 'gone'`,
    rollup:
      head('should', 'g', 'set', '') +
      `select g.id, coalesce(s.total, 0) as total from g left join (select g_id, sum(total) as total from p group by g_id) s on s.g_id = g.id`,
    orphan:
      head('broken', 'c', 'remove', counting ? `-- touches: p${audited ? ', audit' : ''}` : '') +
      `select c.id from c where ${ref.map(name => `c.${name} is not null`).join(' and ')} and not exists (select from p where ${on('p', 'c')})`,
    payment:
      head('broken', 'p', `insert l(${[...ref, 'amount'].join(', ')})`, '') +
      `select ${keyList}, ${key.map((name, i) => `p.${name} as ${ref[i]}`).join(', ')}, p.paid - coalesce(s.amount, 0) as amount
         from p left join (select ${names(ref)}, sum(amount) as amount from l group by ${names(ref)}) s on ${on('p', 's')}
        where p.paid <> coalesce(s.amount, 0)`,
    status:
      head('broken', 'p', 'set status', touches) +
      `select ${keyList}, 'full' as status from p where n > 2 and status is distinct from 'full'`,
    head:
      head('broken', 'p', 'set head', touches) +
      `select ${key.join(', ')}, false as head from (select ${keyList}, row_number() over (partition by g_id order by ${keyList}) as place from p where head) h where place > 1`,
    purge:
      head('broken', 'p', 'remove', purged.length > 0 ? `-- touches: ${purged.join(', ')}` : '') +
      `select ${keyList} from p where status = 'gone'`,
    // Nobody heals it: what would break it has to be given up.
    cap: head('broken', 'p', undefined, '') + `select ${keyList}, n from p where n > 3`,
  };
  const truths: Record<string, string> = {
    count: `exists (select from p where ${subject(key)} and n is distinct from (select count(*) from c where ${on('p', 'c')}))`,
    total: `exists (select from p where ${subject(key)} and total is distinct from (select coalesce(sum(c.amount), 0) from c where ${on('p', 'c')}))`,
    payment: `exists (select from p where ${subject(key)} and paid <> (select coalesce(sum(l.amount), 0) from l where ${on('p', 'l')}))`,
    status: `exists (select from p where ${subject(key)} and n > 2 and status is distinct from 'full')`,
  };
  // $2: the row before the heal. What was over the cap already was not broken by it.
  const overCap = `exists (select from p where ${subject(key)} and n > 3) and ($2->>'n')::numeric <= 3`;
  return {
    ddl,
    invariants: kinds.filter(kind => chosen.has(kind)).map(kind => read(kind, files[kind] as string)),
    truths: [
      ...Object.entries(truths).flatMap(([invariant, broken]) =>
        chosen.has(invariant) ? [{ invariant, broken }] : [],
      ),
      ...(chosen.has('cap') ? [{ invariant: 'count', broken: overCap }] : []),
    ],
    key,
    ref,
    keys,
    cascade,
    counting,
    has: chosen,
  };
}

const subject = (key: readonly string[]) =>
  key.map((name, i) => `p.${name}::text = $1[${i + 1}]`).join(' and ');

function keyOf(type: string, part: number, n: number, composite: boolean): string {
  const value = composite ? part : n;
  if (type === 'uuid') return `00000000-0000-0000-0000-00000000000${value}`;
  return type === 'text' ? `k'${value}` : String(value);
}

function head(form: string, on: string, heal: string | undefined, more: string): string {
  const lines = [`-- evenkeel: ${form}`, '-- says: Random', `-- on: ${on}`, '-- guard: none', '-- grace: 0s'];
  if (heal) lines.push(`-- heal: ${heal}`, '-- mode: heal');
  if (more) lines.push(more);
  return `${lines.join('\n')}\n`;
}

function read(name: string, text: string): Invariant {
  const parsed = parse(text, `${name}.sql`);
  if (parsed.is === 'invariant') return parsed.invariant;
  throw parsed.is === 'wrong' && parsed.errors[0] ? parsed.errors[0] : new Error(text);
}

const trigger = (name: string, when: string, body: string, result: string): string => `
  create function ${name}() returns trigger language plpgsql as $$ begin ${body} return ${result}; end $$;
  create trigger ${name} ${when} for each row execute function ${name}();`;

const counted = (key: readonly string[], ref: readonly string[]): string => {
  const is = (row: string) => key.map((name, i) => `p.${name} = ${row}.${ref[i]}`).join(' and ');
  return `
    if tg_op <> 'INSERT' then update p set n = n - 1 where ${is('old')}; end if;
    if tg_op <> 'DELETE' then update p set n = n + 1 where ${is('new')}; end if;`;
};
