-- What everybody used on a day, for an administrator's page.
CREATE INDEX spending_by_day ON spending (name) WHERE scope = 'day';
