-- Where the money of each effective payment is (资金状态): whether it has arrived on its account and
-- whether the day that it belongs to was reconciled. A payment without a row has neither.
CREATE TABLE payment_funds (
    payment_id INTEGER PRIMARY KEY REFERENCES payments (id),
    arrived_on TEXT NOT NULL DEFAULT '',     -- date; '' not yet
    arrival_id INTEGER,                      -- the arrival that showed it, where there is one
    reconciled_on TEXT NOT NULL DEFAULT ''   -- CheckDate of the statement that has it; '' not yet
) STRICT;
CREATE INDEX payment_funds_by_arrival ON payment_funds (arrival_id) WHERE arrival_id IS NOT NULL;
