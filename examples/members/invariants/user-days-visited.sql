-- evenkeel: should
-- says: A user's days are the days on which they came
-- on: user_stats
-- heal: set
-- mode: heal
select s.user_id, count(v.visited_at) as days_visited
  from user_stats s
  left join user_visits v on v.user_id = s.user_id
 group by s.user_id
