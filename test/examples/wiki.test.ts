import { prove } from './prove.ts';

prove('wiki', {
  'category-counts': [
    {
      what: 'counted wrongly',
      sql: `update category set cat_pages = 5, cat_files = -1 where cat_title = 'Food'`,
      finds: { Food: ['differs', { cat_pages: '4', cat_files: '1', cat_subcats: '1' }] },
    },
    {
      what: 'the page is gone, its links are not, and the category has a page',
      sql: `delete from page where page_id = 1`,
      finds: {
        Food: ['differs', { cat_pages: '3', cat_files: '1' }],
        'Bakers\' "secrets", {1}\\2': ['differs', { cat_pages: '0' }],
      },
    },
    {
      what: 'the last member left and there is no page',
      sql: `delete from categorylinks where cl_to = 'Ähren'`,
      finds: { Ähren: ['extra', null] },
    },
    {
      what: 'a category that nobody counted yet, which a walk over rows never meets',
      sql: `insert into categorylinks values (2, 'Größe, "<NULL>"', 'page'), (3, 'Größe, "<NULL>"', 'file')`,
      finds: { 'Größe, "<NULL>"': ['missing', { cat_pages: '2', cat_files: '1' }] },
    },
  ],
  'site-stats': [
    {
      what: 'NULL from a fresh import',
      sql: `update site_stats set ss_good_articles = null, ss_images = 9`,
      finds: { 1: ['differs', { ss_total_pages: '7', ss_good_articles: '2', ss_images: '1' }] },
    },
  ],
});
