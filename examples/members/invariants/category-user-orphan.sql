-- evenkeel: broken
-- says: A setting for a category belongs to a user and a category that exist
-- on: category_users
-- heal: remove
-- mode: heal
select cu.id, cu.user_id, cu.category_id
  from category_users cu
 where not exists (select from users u where u.id = cu.user_id)
    or not exists (select from categories c where c.id = cu.category_id)
