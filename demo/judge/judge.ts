/**
 * Follows the journal, and goes and looks: a fault counts as healed once Evenkeel says so and the row is right by
 * the judge's own query. Times are those of the commits.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { note, readTruth, type Truth } from '../gremlin/truth.ts';
import { readLedger, tail, type Entry } from './journal.ts';
import { isRight, wrongSubjects, type Subject } from './rules.ts';
import { falseHeals, name, subjectsOf, verdict, type Verdict } from './verdict.ts';

export interface Judge {
  /** Every heal as it is seen, with the faults that it answers. Register before `start`. */
  onHeal(listener: (entry: Entry, faults: readonly Truth[]) => void): void;
  entries(): readonly Entry[];
  faults(): Promise<Truth[]>;
  /** Waits until none is open, or so long. */
  settle(ms: number): Promise<void>;
  /** Stops, and looks once more at everything; a fault whose row is wrong after all counts as open. */
  conclude(): Promise<Findings>;
  /** Ends once stopped; rejects when it can't read any more. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

export interface Findings {
  readonly verdict: Verdict;
  /** Rows that are wrong in the watched shop, whoever broke them. */
  readonly wrong: readonly Subject[];
  readonly open: readonly Truth[];
  /** Entries for what the gremlin hadn't broken: false heals, unless somebody else did. */
  readonly strangers: readonly Entry[];
}

const everyMs = 100;

export function startJudge(watched: Pool, truth: Pool): Judge {
  const journal = tail(watched);
  const listeners: ((entry: Entry, faults: readonly Truth[]) => void)[] = [];
  const stopped = new AbortController();

  async function look(): Promise<void> {
    const fresh = await journal.read();
    const faults = await readTruth(truth, fresh.length > 0 ? 'all' : 'open');
    for (const entry of fresh) {
      const answered = faults.filter(fault => answers(entry, fault));
      for (const listener of listeners) listener(entry, answered);
    }
    const open = faults.filter(fault => fault.injected_at && !fault.healed_at);
    const ledger = open.length > 0 ? await readLedger(watched) : [];
    for (const fault of open) await follow(fault, ledger);
  }

  async function follow(fault: Truth, ledger: Awaited<ReturnType<typeof readLedger>>): Promise<void> {
    const subject = name(fault.invariant, fault.subject);
    const heal = journal.entries.findLast(
      entry => answers(entry, fault) && entry.committed_at >= fault.injected_at!,
    );
    if (!fault.detected_at) {
      const seen = ledger.find(({ invariant, key }) => name(invariant, key) === subject)?.opened_at;
      const at = seen ?? heal?.committed_at;
      if (at) await note(truth, fault.id, 'detected_at', at);
    }
    if (heal && (await holds(fault))) await note(truth, fault.id, 'healed_at', heal.committed_at);
  }

  const holds = async (fault: Truth) =>
    (await isRight(watched, fault.invariant, fault.subject)) &&
    (fault.follower === null || (await isRight(watched, 'customer-account', [fault.follower])));

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      await look();
      await delay(everyMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  }
  const running = run();

  return {
    onHeal: listener => void listeners.push(listener),
    entries: () => journal.entries,
    faults: () => readTruth(truth),
    async settle(ms) {
      const deadline = Date.now() + ms;
      while ((await readTruth(truth, 'open')).length > 0) {
        if (Date.now() > deadline || stopped.signal.aborted) return;
        await delay(everyMs);
      }
    },
    async conclude() {
      stopped.abort();
      await running;
      await look();
      const wrong = await wrongSubjects(watched);
      const names = new Set(wrong.map(({ rule, key }) => name(rule, key)));
      const faults = (await readTruth(truth)).map(fault =>
        subjectsOf(fault).some(subject => names.has(subject)) ? { ...fault, healed_at: null } : fault,
      );
      return {
        verdict: verdict(faults, journal.entries),
        wrong,
        open: faults.filter(({ injected_at, healed_at }) => injected_at && !healed_at),
        strangers: falseHeals(faults, journal.entries),
      };
    },
    done: running,
    stop: () => (stopped.abort(), running),
  };
}

const answers = (entry: Entry, fault: Truth) =>
  entry.action !== 'undo' && name(entry.invariant, entry.subject) === name(fault.invariant, fault.subject);
