-- A wiki in order.
insert into page (page_id, page_namespace, page_title, page_is_redirect, page_len) values
  (1, 0, 'Bread', false, 900), (2, 0, 'Rye', false, 300), (3, 6, 'Loaf.png', false, 10), (4, 14, 'Food', false, 20),
  (5, 14, 'Bakers'' "secrets", {1}\2', false, 5), (6, 0, 'Loaf', true, 10), (7, 14, 'Nothing yet', false, 5);
insert into categorylinks (cl_from, cl_to, cl_type) values
  (1, 'Food', 'page'), (2, 'Food', 'page'), (3, 'Food', 'file'), (5, 'Food', 'subcat'),
  (1, 'Bakers'' "secrets", {1}\2', 'page'), (2, 'Ähren', 'page');
insert into category (cat_title, cat_pages, cat_subcats, cat_files) values
  ('Food', 4, 1, 1), ('Bakers'' "secrets", {1}\2', 1, 0, 0), ('Ähren', 1, 0, 0), ('Nothing yet', 0, 0, 0);
insert into site_stats values (1, 7, 2, 1);
