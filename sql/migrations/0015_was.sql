-- Of an update, where sums and counts are kept from its table: every row as it was, as `images` has every row as it is. Null: both are in
-- `images`, each distinct one once.
alter table evenkeel.change add column was text[];
