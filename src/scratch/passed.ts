import type { Node } from 'libpg-query';

/** What a statement of a dump is to a scratch database, apart from being run. */
export type Role =
  'rows' | 'server' | 'setting' | 'database-setting' | 'extension' | 'outside' | 'drop' | 'plain';

/** They speak of the server, of other databases or of transactions: none of that is in a schema. */
const ofServer = new Set([
  'AlterDatabaseRefreshCollStmt',
  'AlterDatabaseStmt',
  'AlterForeignServerStmt',
  'AlterRoleSetStmt',
  'AlterRoleStmt',
  'AlterSubscriptionStmt',
  'AlterSystemStmt',
  'AlterUserMappingStmt',
  'CheckPointStmt',
  'CreateRoleStmt',
  'CreateSubscriptionStmt',
  'CreateTableSpaceStmt',
  'CreateUserMappingStmt',
  'CreatedbStmt',
  'DropRoleStmt',
  'DropSubscriptionStmt',
  'DropTableSpaceStmt',
  'DropUserMappingStmt',
  'DropdbStmt',
  'GrantRoleStmt',
  'SecLabelStmt',
  'TransactionStmt',
]);

/**
 * By these a superuser reaches other databases, the network, files and programs. A trigger that writes to the live database
 * through one of them would do so here, too.
 */
const outward =
  /^(dblink|plproxy|pgagent|http|pg_net|pg_cron|pg_background|adminpack|aws_\w+|plr|plsh)$|_fdw$|(^|_)pl\w+u$/;

export function roleOf(node: Node): Role {
  const [kind = ''] = Object.keys(node);
  if (ofServer.has(kind)) return 'server';
  if ('CopyStmt' in node || 'InsertStmt' in node) return 'rows';
  if ('AlterDatabaseSetStmt' in node) return 'database-setting';
  if (reachesOut(node)) return 'outside';
  if ('CreateExtensionStmt' in node || 'CreatePLangStmt' in node) return 'extension';
  if ('VariableSetStmt' in node) {
    return ['role', 'session_authorization'].includes(node.VariableSetStmt.name ?? '') ? 'server' : 'setting';
  }
  if ('DropStmt' in node) return 'drop';
  if ('AlterTableStmt' in node) {
    const cmds = node.AlterTableStmt.cmds ?? [];
    const drops = cmds.every(
      one => 'AlterTableCmd' in one && one.AlterTableCmd.subtype?.startsWith('AT_Drop'),
    );
    return drops ? 'drop' : 'plain';
  }
  return 'plain';
}

function reachesOut(node: Node): boolean {
  if ('CreateFdwStmt' in node || 'CreateForeignServerStmt' in node) return true;
  if ('CreateExtensionStmt' in node) return outward.test(node.CreateExtensionStmt.extname ?? '');
  if ('CreatePLangStmt' in node) return outward.test(node.CreatePLangStmt.plname ?? '');
  if (!('CreateFunctionStmt' in node)) return false;
  // A function in C names its library, whatever it is called itself.
  const named = node.CreateFunctionStmt.options?.find(
    one => 'DefElem' in one && one.DefElem.defname === 'as',
  );
  const arg = named && 'DefElem' in named ? named.DefElem.arg : undefined;
  const parts = arg && 'List' in arg ? (arg.List.items ?? []) : [];
  const [library] = parts.map(one => ('String' in one ? (one.String.sval ?? '') : ''));
  return library !== undefined && outward.test(library.replace(/^.*\//s, '').replace(/\.\w+$/, ''));
}
