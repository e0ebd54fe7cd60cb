-- What was proved of an invariant before it ran: with an error it only observes, until the error is gone.

alter table evenkeel.invariant add column refused_why text;   -- null: it does as it declares
