import { Fault } from './fault.ts';
import type { Invariant } from './invariant.ts';
import type { Remedy } from './remedy.ts';

/** What a declaration may not say, as far as it can be told without a database; each with the key it is about. */
export function contradictions({
  form,
  heal,
  mode,
  source,
}: Pick<Invariant, 'form' | 'heal' | 'mode' | 'source'>) {
  const found: { key: 'heal' | 'mode'; fault: Fault }[] = [];
  const say = (key: 'heal' | 'mode', message: string, hint: string) => {
    found.push({ key, fault: new Fault(message, { hint }) });
  };
  const does = (verb: Remedy['do']) => heal.some(remedy => remedy.do === verb);

  for (const verb of ['set', 'insert', 'remove', 'park', 'claim', 'call', 'celery'] as const) {
    const times = heal.filter(remedy => remedy.do === verb).length;
    if (times > 1)
      say('heal', `${verb} is named ${times === 2 ? 'twice' : `${times} times`}`, 'Name each remedy once.');
  }
  if (does('claim') && heal.length > 1) {
    say('heal', 'claim leaves it to a program, so it stands alone', 'Leave out claim, or the others.');
  }
  if (does('call') && heal.length > 1) {
    say('heal', 'call leaves it to its handler, so it stands alone', 'Leave out call, or the others.');
  }
  if (does('celery') && heal.length > 1) {
    say('heal', 'celery leaves it to a worker, so it stands alone', 'Leave out celery, or the others.');
  }
  if (does('call') && form === 'should') {
    say(
      'heal',
      'call goes only with `broken`: its handler says what should be',
      'Write which rows the upstream has to be asked about as a `broken` invariant.',
    );
  }
  if (source && (does('claim') || does('celery'))) {
    say('heal', 'from() says what to write', 'Heal it with set, insert and remove, or leave it to a person.');
  }
  if (does('assign')) {
    say(
      'heal',
      'set({ column: value }) is what a handler returns; an invariant names result columns',
      "Put the literal in the SELECT: select …, 'failed' as status, with heal: set('status').",
    );
  }
  if (form === 'should' && does('append')) {
    say(
      'heal',
      'inserting into another table goes only with `broken`',
      'With `should`, insert adds the missing row; write a compensation as a `broken` invariant.',
    );
  }
  if (form === 'broken') {
    if (does('insert')) {
      say(
        'heal',
        'insert without a table goes only with `should`: a broken row exists',
        'Name the table: insert table(col, …).',
      );
    }
    if (does('set') && does('remove')) {
      say('heal', 'set and remove together make no sense: the row would be gone', 'Name one of them.');
    }
    if (does('park') && heal.length > 1) {
      say(
        'heal',
        'park leaves it to a person, so with `broken` it stands alone',
        'Leave out park, or the others.',
      );
    }
  }
  if (mode === 'heal' && heal.length === 0) {
    say(
      'mode',
      'nothing says how to heal',
      'Name a remedy with heal, or leave the mode out: then it observes.',
    );
  }
  return found;
}
