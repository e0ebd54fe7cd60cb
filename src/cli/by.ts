import { account } from '../show/account.ts';
import type { Given } from './flags.ts';

/** Who decides: `--by`, or the account that runs this. */
export const byWhom = ({ by }: Given): string => by ?? account();
