-- evenkeel: should
-- says: Each category that has a member or a page of its own counts its members, sub-categories and files
-- on: category
-- key: cat_title
-- heal: set; insert; remove
-- mode: heal
select cat_title,
       count(page_id) as cat_pages,
       count(page_id) filter (where cl_type = 'subcat') as cat_subcats,
       count(page_id) filter (where cl_type = 'file') as cat_files
  from (select cat_title, cl_type, page_id from category_members
        union all
        select page_title, null, null from page where page_namespace = 14) m
 group by cat_title
