-- Entries are looked up by their whole key, never by its order. Arrays are slow to compare, and a btree compares about
-- seventeen of them for each entry: half of what journaling cost.
drop index evenkeel.entry_key;
create index entry_key on evenkeel.entry using hash (key);
