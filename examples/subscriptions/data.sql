insert into subscriptions values
  (1, 'ana', 'team', 5),
  (2, 'ben', 'free', 1),
  (3, 'cem', 'team', 12);
