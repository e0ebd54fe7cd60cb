import type { Tx } from '../../db/pool.ts';
import type { Finding } from '../finding.ts';
import type { Site } from '../site.ts';

export interface Rule {
  readonly id: string;
  readonly name: string;
  find(tx: Tx, site: Site): Promise<Finding[]>;
}
