import type { Node } from 'libpg-query';

/** What a statement of a dump is to a scratch database, apart from being run. */
export type Role = 'rows' | 'server' | 'setting' | 'database-setting' | 'extension' | 'drop' | 'plain';

/** They speak of the server, of other databases or of transactions: none of that is in a schema. */
const ofServer = new Set([
  'AlterDatabaseRefreshCollStmt',
  'AlterDatabaseStmt',
  'AlterRoleSetStmt',
  'AlterRoleStmt',
  'AlterSubscriptionStmt',
  'AlterSystemStmt',
  'CheckPointStmt',
  'CreateRoleStmt',
  'CreateSubscriptionStmt',
  'CreateTableSpaceStmt',
  'CreatedbStmt',
  'DropRoleStmt',
  'DropSubscriptionStmt',
  'DropTableSpaceStmt',
  'DropdbStmt',
  'GrantRoleStmt',
  'SecLabelStmt',
  'TransactionStmt',
]);

export function roleOf(node: Node): Role {
  const [kind = ''] = Object.keys(node);
  if (ofServer.has(kind)) return 'server';
  if ('CopyStmt' in node || 'InsertStmt' in node) return 'rows';
  if ('AlterDatabaseSetStmt' in node) return 'database-setting';
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
