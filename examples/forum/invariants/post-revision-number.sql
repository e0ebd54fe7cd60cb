-- evenkeel: should
-- says: The revisions of a post are numbered 2, 3, 4 … without gaps; 1 is the post as it was written
-- on: post_revisions
-- heal: set
-- mode: heal
select id, 1 + row_number() over (partition by post_id order by number, created_at, id) as number
  from post_revisions
