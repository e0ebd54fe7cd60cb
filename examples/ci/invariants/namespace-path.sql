-- evenkeel: should
-- says: A namespace knows its way from the root
-- on: namespaces
-- heal: set
-- mode: heal
with recursive path as (
  select id, array[id] as traversal_ids from namespaces where parent_id is null
  union all
  select n.id, p.traversal_ids || n.id from path p join namespaces n on n.parent_id = p.id
)
select id, traversal_ids from path
