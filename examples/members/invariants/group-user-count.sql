-- evenkeel: should
-- says: A group counts its members
-- on: groups
-- heal: set
-- mode: heal
select g.id, count(gu.user_id) as user_count
  from groups g
  left join group_users gu on gu.group_id = g.id
 group by g.id
