-- evenkeel: should
-- says: The members of an automatic group are the users who meet its condition
-- on: group_users where group_id in (select id from groups where automatic)
-- key: group_id, user_id
-- heal: insert; remove
-- mode: heal
-- guard: 1000/hour
select g.id as group_id, u.id as user_id
  from groups g
  join users u
    on u.id > 0
   and not u.staged
   and case g.name
         when 'admins' then u.admin
         when 'moderators' then u.moderator
         when 'staff' then u.admin or u.moderator
         else u.trust_level >= g.id - 10
       end
 where g.automatic
