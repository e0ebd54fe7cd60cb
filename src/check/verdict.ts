/** What is known of a condition over the rows that a table may hold. `proved`: no such row can be. */
export type Verdict =
  | { readonly is: 'proved'; readonly by: readonly string[] }
  | { readonly is: 'witness'; readonly row: Readonly<Record<string, string | null>> }
  | { readonly is: 'undecided'; readonly why: string };
