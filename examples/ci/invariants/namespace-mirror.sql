-- evenkeel: should
-- says: CI's mirror of the namespaces has each of them, with its way from the root, and no other
-- on: ci.namespace_mirrors
-- key: namespace_id
-- heal: set; insert; remove
-- mode: heal
select id as namespace_id, traversal_ids from namespaces
