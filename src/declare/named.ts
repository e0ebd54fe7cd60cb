import { EvenkeelError } from '../errors.ts';
import { type Call, handled, isCall } from './call.ts';
import { didYouMean } from './guess.ts';
import { type Invariant, sealed } from './invariant.ts';
import { type Limit, isLimit, sameLimit } from './limit.ts';
import type { Remedy } from './remedy.ts';

/** What files of the folder export for others: handlers, which `call name` names, and limits. One name, one meaning. */
export class Named {
  readonly #calls = new Map<string, { call: Call; file: string }>();
  readonly #limits = new Map<string, Limit>();

  /** Of what a file exports, handlers and limits; whether there were any. @throws bad-module where a handler's name is taken */
  add(exported: readonly (readonly [string, unknown])[], file: string): boolean {
    let used = false;
    for (const [name, value] of exported) {
      if (isLimit(value)) this.#limits.set(value.name, value);
      else if (isCall(value)) {
        const other = this.#calls.get(name);
        if (other && other.file !== file) {
          throw new EvenkeelError('bad-module', `'${name}' is the name of a handler in ${other.file} too`, {
            place: { file },
          });
        }
        this.#calls.set(name, { call: value, file });
      } else continue;
      used = true;
    }
    return used;
  }

  /** The same invariants, with handlers and limits in place of their names; what is wrong goes to `errors`. */
  resolve(invariants: readonly Invariant[], errors: EvenkeelError[]): Invariant[] {
    const resolved = invariants.map(invariant => {
      const wrong = (message: string, hint: string) =>
        errors.push(new EvenkeelError('bad-remedy', message, { place: invariant.place, hint }));
      let changed = false;
      const heal = invariant.heal.map((remedy): Remedy => {
        if (remedy.do === 'call' && !remedy.run) {
          const known = this.#calls.get(remedy.handler)?.call;
          if (known?.run) {
            changed = true;
            return handled({ ...known, handler: remedy.handler }, known.run);
          }
          wrong(
            `heal: there is no handler '${remedy.handler}'${didYouMean(remedy.handler, [...this.#calls.keys()])}`,
            `Export it from a .ts or .js file of the folder: export const ${remedy.handler} = call(limit, …).`,
          );
        } else if ((remedy.do === 'claim' || remedy.do === 'celery') && typeof remedy.limit === 'string') {
          const limit = this.#limits.get(remedy.limit) ?? declaredIn(invariants, remedy.limit);
          if (limit) {
            changed = true;
            return Object.freeze({ ...remedy, limit });
          }
          wrong(
            `heal: there is no limit '${remedy.limit}'${didYouMean(remedy.limit, [...this.#limits.keys()])}`,
            `Write its rate after it: limit ${remedy.limit} 100/s.`,
          );
        }
        return remedy;
      });
      return changed ? sealed({ ...invariant, heal }) : invariant;
    });
    this.#distinct(resolved, errors);
    return resolved;
  }

  #distinct(invariants: readonly Invariant[], errors: EvenkeelError[]): void {
    const limits = new Map(this.#limits);
    for (const { heal, place } of invariants) {
      for (const remedy of heal) {
        if (!('limit' in remedy) || !isLimit(remedy.limit)) continue;
        const { limit } = remedy;
        const other = limits.get(limit.name);
        if (other && !sameLimit(other, limit)) {
          const hint = 'A limit is one budget for whoever uses it: declare it once, and name it elsewhere.';
          const message = `the limit '${limit.name}' is declared in two ways`;
          errors.push(new EvenkeelError('bad-remedy', message, { place, hint }));
        }
        limits.set(limit.name, limit);
      }
    }
  }
}

/** A limit whose rate stands in another invariant's header. */
function declaredIn(invariants: readonly Invariant[], name: string): Limit | undefined {
  for (const { heal } of invariants)
    for (const remedy of heal)
      if ('limit' in remedy && isLimit(remedy.limit) && remedy.limit.name === name) return remedy.limit;
  return undefined;
}
