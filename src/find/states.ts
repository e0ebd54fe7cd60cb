/**
 * The states of a violation, and every way between them. A violation that is healed, or came right by itself, leaves the
 * ledger: its history is the journal. Nothing else deletes from it but a definition that changed or retired.
 */
export const states = {
  open: 'believed from `due_at` on; healed then, or shown where the invariant observes or no remedy is listed',
  approved: 'a person said yes: healed even where the invariant observes, as soon as it is due',
  claimed:
    'a program works on it, or an upstream is asked (`heal: claim`, `call`), until `due_at`; then it is anybody’s again',
  parked: 'a person decides; `reason` says why it was not healed',
  undone: 'its heal was undone: left alone until the restored columns change or a person says resume',
  held: 'a person holds this subject: left alone until a person says resume',
} as const;

export type State = keyof typeof states;

/** from → to, and when. Tested against what the ledger's statements do. */
export const transitions: readonly { from: State | 'none'; to: State | 'none'; when: string }[] = [
  { from: 'none', to: 'open', when: 'a look finds it' },
  { from: 'none', to: 'undone', when: 'a look finds it, and its heal was undone' },
  { from: 'none', to: 'held', when: 'a look finds it, and a person holds the subject' },
  { from: 'open', to: 'none', when: 'a look finds it right, or a heal commits' },
  {
    from: 'open',
    to: 'open',
    when: 'it changed (grace begins again), its row was busy, or a heal failed (backoff)',
  },
  {
    from: 'open',
    to: 'parked',
    when: 'the heal failed too often, would break another invariant, or oscillates',
  },
  { from: 'open', to: 'approved', when: 'a person approves' },
  { from: 'open', to: 'held', when: 'a person holds the subject' },
  { from: 'open', to: 'claimed', when: 'a program claims it, or an upstream is asked' },
  { from: 'approved', to: 'claimed', when: 'a program claims it, or an upstream is asked' },
  {
    from: 'claimed',
    to: 'claimed',
    when: 'its lease ran out and another program claims it, or one reports it done',
  },
  { from: 'claimed', to: 'none', when: 'a look finds it right, or the answer is written' },
  {
    from: 'claimed',
    to: 'open',
    when: 'a program reports that it failed, or that it is done and it is not; the upstream refused or failed, or the row changed',
  },
  { from: 'claimed', to: 'approved', when: 'the same, where a person had approved it' },
  {
    from: 'claimed',
    to: 'parked',
    when: 'it was handed out five times, asking failed too often, or the handler leaves it to a person',
  },
  { from: 'claimed', to: 'held', when: 'a person holds the subject' },
  { from: 'approved', to: 'none', when: 'a look finds it right, or a heal commits' },
  { from: 'approved', to: 'approved', when: 'its row was busy, or the heal failed (backoff)' },
  { from: 'approved', to: 'parked', when: 'the heal failed too often, or would break another invariant' },
  { from: 'parked', to: 'approved', when: 'a person approves' },
  { from: 'parked', to: 'none', when: 'a look finds it right' },
  { from: 'parked', to: 'held', when: 'a person holds the subject' },
  { from: 'parked', to: 'open', when: 'a person says resume' },
  { from: 'undone', to: 'open', when: 'its restored columns changed, or a person says resume' },
  { from: 'undone', to: 'none', when: 'a look finds it right' },
  { from: 'held', to: 'open', when: 'a person says resume' },
  { from: 'held', to: 'none', when: 'a look finds it right' },
];
