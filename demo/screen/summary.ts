/** What it came to, in three lines; and in more where a promise was broken. */
import type { Findings } from '../judge/judge.ts';
import type { Verdict } from '../judge/verdict.ts';
import { inert, seconds } from './paint.ts';

/** Faults of each kind that have to be healed before the verdict means anything. */
export const leastOfEach = 10;

export interface Outcome {
  readonly verdict: Verdict;
  /** All promises were. */
  readonly kept: boolean;
  readonly summary: readonly string[];
}

interface Circumstances {
  /** Rows that are wrong in the shop without Evenkeel. */
  readonly without: number;
  /** Acts that didn't end as promised. */
  readonly brokenPromises: number;
  /** The show was meant to end by itself, with everything healed. */
  readonly ends: boolean;
  /** Somebody sits at the terminal, who was invited to break things that the gremlin knows nothing of. */
  readonly byHand: boolean;
}

export function conclude(
  findings: Findings,
  { without, brokenPromises, ends, byHand }: Circumstances,
): Outcome {
  const { verdict, wrong, open, strangers } = findings;
  const enough = Object.values(verdict.kinds).every(({ healed }) => healed >= leastOfEach);
  const complete = enough && open.length === 0 && wrong.length === 0;
  const honest = byHand || strangers.length === 0;
  const summary = [
    `The gremlin broke ${verdict.injected} rows in each shop. Wrong now: ${without} without Evenkeel, ${wrong.length} with it.`,
    `Evenkeel healed ${verdict.healed}${times(verdict)}.`,
    byHand
      ? `${strangers.length} heals were of rows that others had broken.`
      : `${strangers.length} rows were written that nobody had broken.`,
    ...(ends && !complete
      ? [
          some(
            'Wrong',
            wrong.map(({ rule, key }) => [rule, ...key]),
          ),
          some('Open', open.map(named)),
        ]
      : []),
    ...(honest ? [] : [some('Not broken', strangers.map(named))]),
  ];
  return {
    verdict,
    kept: (complete || !ends) && honest && brokenPromises === 0,
    summary: summary.map(line => inert(line, 1000)),
  };
}

function times({ p50_ms, p99_ms }: Verdict): string {
  if (p50_ms === null || p99_ms === null) return '';
  return `, half of them within ${seconds(p50_ms)} and 99 of 100 within ${seconds(p99_ms)} of the commit that broke them`;
}

const named = ({ invariant, subject }: { invariant: string; subject: readonly string[] }) => [
  invariant,
  ...subject,
];

function some(what: string, subjects: readonly (readonly string[])[]): string {
  const more = subjects.length > 10 ? `; and ${subjects.length - 10} more` : '';
  return `${what}: ${
    subjects
      .slice(0, 10)
      .map(subject => subject.join(' '))
      .join('; ') || 'none'
  }${more}`;
}
