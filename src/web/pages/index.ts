import type { Asked, Ground, Page } from '../page.ts';
import { causesPage } from './causes.ts';
import { invariantPage } from './invariant.ts';
import { journalPage, rowPage } from './journal.ts';
import { limitsPage } from './limits.ts';
import { overviewPage } from './overview.ts';
import { waitingPage } from './waiting.ts';

/** Everything that can be seen. */
export const pages: Readonly<
  Record<string, (ground: Ground, asked: Asked, params: Record<string, string>) => Promise<Page>>
> = {
  '/': overviewPage,
  '/waiting': waitingPage,
  '/invariants/:name': invariantPage,
  '/journal': journalPage,
  '/row': rowPage,
  '/causes': causesPage,
  '/limits': limitsPage,
};
