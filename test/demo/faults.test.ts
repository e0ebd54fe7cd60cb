import { describe, expect, it } from 'vitest';
import { kindNames, kinds } from '../../demo/gremlin/faults.ts';
import { isRight } from '../../demo/judge/rules.ts';
import { lookAround } from '../../demo/shop/shelf.ts';
import { commit } from '../../demo/shop/twins.ts';
import { twins, wrongByInvariants, wrongByRules } from './twins.ts';

describe('the gremlin', () => {
  it('breaks what it says and nothing else, the same in both shops', async () => {
    const shops = await twins();
    const shelf = await lookAround(shops.watched);
    const broken: string[] = [];
    for (const kind of kindNames) {
      for (const form of kinds[kind].forms) {
        const { invariant, subject, writes } = form(shelf)!;
        expect(await isRight(shops.watched, invariant, subject), `${form.name} before`).toBe(true);
        await commit(shops, writes);
        expect(await isRight(shops.watched, invariant, subject), `${form.name} after`).toBe(false);
        broken.push([invariant, ...subject].join(' '));
      }
    }
    broken.sort();
    expect(await wrongByRules(shops.watched)).toEqual(broken);
    expect(await wrongByRules(shops.bare)).toEqual(broken);
    expect(await wrongByInvariants(shops.watched)).toEqual(broken);
  });
});
