-- evenkeel: should
-- says: A user's bounce score is that of the primary address, and nothing without one
-- on: user_stats
-- heal: set
-- mode: heal
select s.user_id, e.bounce_score
  from user_stats s
  left join user_emails e on e.user_id = s.user_id and e."primary"
