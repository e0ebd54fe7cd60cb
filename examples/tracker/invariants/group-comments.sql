-- evenkeel: should
-- says: A group counts its notes
-- on: groups
-- heal: set
-- mode: heal
select g.id, count(a.id) as num_comments
  from groups g
  left join activity a on a.group_id = g.id and a.type = 6
 group by g.id
