-- evenkeel: should
-- says: Search has a document of each product that is sold, in version 3 of its shape
-- on: product_documents
-- heal: set; insert; remove
-- mode: heal
-- guard: 5000/hour
select p.id as product_id,
       jsonb_build_object('name', p.name, 'price', p.price_cents) || p.attributes as body,
       array(select t.tag from product_tags t where t.product_id = p.id order by t.tag) as tags,
       3 as schema_version
  from products p
 where p.enabled
