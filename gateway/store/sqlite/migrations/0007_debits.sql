-- Direct debits (划缴, 代扣) ------------------------------------------------------------------------

-- Protocols that payers signed with their bank: the bank may debit their account for our bills.
CREATE TABLE debit_protocols (
    node        TEXT NOT NULL,
    payer_no    TEXT NOT NULL,
    protocol_no TEXT NOT NULL,
    payer_name  TEXT NOT NULL CHECK (payer_name <> ''),
    payer_acct  TEXT NOT NULL,
    payer_op_bk TEXT NOT NULL,
    start_date  TEXT NOT NULL CHECK (length(start_date) = 8),
    stop_date   TEXT NOT NULL CHECK (stop_date = '' OR stop_date >= start_date),
    created_at  INTEGER NOT NULL,
    created_by  TEXT NOT NULL,
    PRIMARY KEY (node, payer_no, protocol_no)
) STRICT, WITHOUT ROWID;

-- Each request 5604 with what came of it. The states are those of its message in the outbox.
CREATE TABLE debits (
    debit_no      TEXT NOT NULL PRIMARY KEY,
    pay_code      TEXT NOT NULL REFERENCES bills (pay_code),
    node          TEXT NOT NULL,
    payer_no      TEXT NOT NULL,
    protocol_no   TEXT NOT NULL,
    payer_name    TEXT NOT NULL,
    payer_acct    TEXT NOT NULL,
    payer_op_bk   TEXT NOT NULL,
    rec_acct_type TEXT NOT NULL,
    rec_acct      TEXT NOT NULL,
    amt           INTEGER NOT NULL CHECK (amt > 0 AND amt <= 1000000000000000),
    last_date     TEXT NOT NULL CHECK (length(last_date) = 8),
    outbox_id     INTEGER NOT NULL UNIQUE,
    requested_by  TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN
        ('queued', 'sent', 'acknowledged', 'succeeded', 'failed', 'unknown')),
    result        TEXT NOT NULL,
    information   TEXT NOT NULL,
    tra_no        TEXT NOT NULL,
    tra_date      TEXT NOT NULL,
    tra_time      TEXT NOT NULL,
    msg_id        TEXT NOT NULL,
    payment_id    INTEGER REFERENCES payments (id),
    CHECK ((state = 'succeeded') = (payment_id IS NOT NULL)),
    FOREIGN KEY (node, payer_no, protocol_no)
        REFERENCES debit_protocols (node, payer_no, protocol_no)
) STRICT, WITHOUT ROWID;

-- A bill is debited by one request at a time.
CREATE UNIQUE INDEX debits_living ON debits (pay_code)
    WHERE state IN ('queued', 'sent', 'acknowledged', 'unknown');
CREATE INDEX debits_of_bill ON debits (pay_code, debit_no);
CREATE INDEX debits_by_state ON debits (state, last_date);
