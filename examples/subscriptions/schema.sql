create table subscriptions (
  id int primary key,
  customer text not null,
  plan text not null,
  seats int not null
);
