-- Business refunds (退付): who gets the money, where it is paid from, and when it was decided.
ALTER TABLE refunds ADD COLUMN receiver TEXT NOT NULL DEFAULT 'payer'
    CHECK (receiver IN ('payer', 'unit'));
ALTER TABLE refunds ADD COLUMN paid_from TEXT NOT NULL DEFAULT 'collection'
    CHECK (paid_from IN ('collection', 'reserve', 'treasury'));
ALTER TABLE refunds ADD COLUMN pay_acct TEXT NOT NULL DEFAULT ''
    CHECK (pay_acct <> '' OR paid_from <> 'reserve');
ALTER TABLE refunds ADD COLUMN pay_acct_name TEXT NOT NULL DEFAULT '';
ALTER TABLE refunds ADD COLUMN decided_at INTEGER NOT NULL DEFAULT 0;

-- What a reserve account (退付备用金) has paid or may yet pay.
CREATE INDEX refunds_from_reserve ON refunds (pay_acct, state) WHERE paid_from = 'reserve';
