import type { Tx } from '../../db/pool.ts';
import type { Finding } from '../finding.ts';
import type { Query } from '../level.ts';
import type { Site } from '../site.ts';

/** Asked of each WHERE. */
export interface Rule {
  readonly id: string;
  readonly name: string;
  find(tx: Tx, site: Site): Promise<Finding[]>;
}

/** Asked of the query as a whole. */
export interface QueryRule {
  readonly id: string;
  readonly name: string;
  find(tx: Tx, query: Query): Promise<Finding[]>;
}
