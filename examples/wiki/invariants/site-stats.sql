-- evenkeel: should
-- says: The front page's numbers are right
-- on: site_stats
-- heal: set; insert
-- mode: heal
-- grace: 1m
-- every: 1h
select 1 as ss_row_id,
       count(*) as ss_total_pages,
       count(*) filter (where page_namespace = 0 and not page_is_redirect) as ss_good_articles,
       count(*) filter (where page_namespace = 6) as ss_images
  from page
