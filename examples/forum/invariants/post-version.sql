-- evenkeel: should
-- says: A post's version is one more than its revisions; its public version leaves hidden ones out
-- on: posts
-- heal: set
-- mode: heal
select p.id, 1 + count(r.id) as version, 1 + count(r.id) filter (where not r.hidden) as public_version
  from posts p
  left join post_revisions r on r.post_id = p.id
 group by p.id
