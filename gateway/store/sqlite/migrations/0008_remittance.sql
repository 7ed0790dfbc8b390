-- Income (收入确认), remittance (缴库, 缴户) and treasury feedback ----------------------------------

-- Bills whose income is confirmed, each once, with the number of its electronic receipt (电子收据).
-- `judged` 0: its money has not been divided for remittance yet.
CREATE TABLE income (
    payment_id   INTEGER PRIMARY KEY REFERENCES payments (id),
    pay_code     TEXT NOT NULL UNIQUE REFERENCES bills (pay_code),
    receipt_no   TEXT NOT NULL UNIQUE,
    confirmed_on TEXT NOT NULL CHECK (length(confirmed_on) = 8),
    confirmed_at INTEGER NOT NULL,
    confirmed_by TEXT NOT NULL,
    judged       INTEGER NOT NULL CHECK (judged IN (0, 1))
) STRICT;

CREATE INDEX income_unjudged ON income (payment_id) WHERE judged = 0;
-- What may be confirmed.
CREATE INDEX bills_paid ON bills (pay_code) WHERE state = 'paid';

CREATE TRIGGER income_is_effective BEFORE INSERT ON income BEGIN
    SELECT RAISE(ABORT, 'income: only effective payments are income') WHERE NOT EXISTS (
        SELECT 1 FROM payments WHERE id = NEW.payment_id AND pay_code = NEW.pay_code
        AND duplicate = 0);
END;

-- How a payment was divided: by line of the bill and of the sharing rule that held on its CfmDate,
-- as they were when it was divided, whatever becomes of the rule.
CREATE TABLE income_parts (
    payment_id INTEGER NOT NULL REFERENCES income (payment_id),
    line       INTEGER NOT NULL CHECK (line > 0),
    position   INTEGER NOT NULL CHECK (position > 0),
    item_code  TEXT NOT NULL,
    level      TEXT NOT NULL,
    target     TEXT NOT NULL REFERENCES targets (code),
    weight     INTEGER NOT NULL CHECK (weight > 0 AND weight <= 10000),
    amt        INTEGER NOT NULL CHECK (amt >= 0),
    PRIMARY KEY (payment_id, line, position)
) STRICT, WITHOUT ROWID;

-- What is to be remitted of a payment: one row for each item and budget level (预算级次).
-- `open` 1: in no living remittance. `amt` is before refunds.
CREATE TABLE income_dues (
    payment_id INTEGER NOT NULL REFERENCES income (payment_id),
    item_code  TEXT NOT NULL,
    level      TEXT NOT NULL,
    target     TEXT NOT NULL REFERENCES targets (code),
    region     TEXT NOT NULL,
    acct_no    TEXT NOT NULL,
    bank_code  TEXT NOT NULL,
    mode       TEXT NOT NULL CHECK (mode IN ('direct', 'consolidated', 'bank')),
    remit_type TEXT NOT NULL CHECK (remit_type IN ('1', '2')),
    unit_code  TEXT NOT NULL,
    amt        INTEGER NOT NULL CHECK (amt > 0),
    open       INTEGER NOT NULL CHECK (open IN (0, 1)),
    PRIMARY KEY (payment_id, item_code, level)
) STRICT, WITHOUT ROWID;

CREATE INDEX income_dues_open ON income_dues
    (bank_code, acct_no, region, mode, remit_type, target, payment_id, item_code, level)
    WHERE open = 1;

-- Remittances (缴库单): ours as 5618, and those that a bank started itself (`origin` bank), which
-- have no lines while they are `unmatched`. `mode` and `remit_type` are as on the wire.
CREATE TABLE remittances (
    id            INTEGER PRIMARY KEY,
    remit_no      TEXT NOT NULL,
    node          TEXT NOT NULL,
    origin        TEXT NOT NULL CHECK (origin IN ('run', 'bank')),
    remit_date    TEXT NOT NULL CHECK (length(remit_date) = 8),
    remit_type    TEXT NOT NULL CHECK (remit_type IN ('', '1', '2')),
    mode          TEXT NOT NULL CHECK (mode IN ('', '1', '2')),
    region        TEXT NOT NULL,
    target        TEXT NOT NULL,
    level         TEXT NOT NULL,
    tre_code      TEXT NOT NULL,
    tre_name      TEXT NOT NULL,
    pay_acct      TEXT NOT NULL,
    pay_acct_name TEXT NOT NULL,
    rec_acct      TEXT NOT NULL,
    rec_name      TEXT NOT NULL,
    rec_op_bk     TEXT NOT NULL,
    total         INTEGER NOT NULL CHECK (total > 0),
    count         INTEGER NOT NULL CHECK (count >= 0),
    state         TEXT NOT NULL CHECK (state IN
        ('queued', 'sent', 'acknowledged', 'succeeded', 'failed', 'unknown', 'unmatched')),
    made_by       TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    result        TEXT NOT NULL,
    information   TEXT NOT NULL,
    tra_no        TEXT NOT NULL,
    tra_date      TEXT NOT NULL,
    tra_time      TEXT NOT NULL,
    UNIQUE (node, remit_no),
    CHECK (origin = 'run' OR state IN ('succeeded', 'failed', 'unmatched')),
    CHECK (origin = 'bank' OR (state <> 'unmatched' AND count > 0))
) STRICT;

-- Our own numbers are ours alone; a bank may number as it likes.
CREATE UNIQUE INDEX remittances_ours ON remittances (remit_no) WHERE origin = 'run';
CREATE INDEX remittances_by_state ON remittances (state, id);
CREATE INDEX remittances_booked ON remittances (tre_code, tra_date) WHERE state = 'succeeded';

CREATE TABLE remittance_lines (
    remit_id     INTEGER NOT NULL REFERENCES remittances (id),
    line_no      INTEGER NOT NULL CHECK (line_no > 0),
    subject      TEXT NOT NULL,
    subject_name TEXT NOT NULL,
    level        TEXT NOT NULL,
    item_code    TEXT NOT NULL,
    item_name    TEXT NOT NULL,
    pay_code     TEXT NOT NULL,
    unit_code    TEXT NOT NULL,
    unit_name    TEXT NOT NULL,
    amt          INTEGER NOT NULL CHECK (amt > 0),
    PRIMARY KEY (remit_id, line_no)
) STRICT, WITHOUT ROWID;

-- Which dues a line is made of, net of succeeded refunds. `living` 0: the remittance failed.
CREATE TABLE remittance_parts (
    remit_id   INTEGER NOT NULL REFERENCES remittances (id),
    line_no    INTEGER NOT NULL,
    payment_id INTEGER NOT NULL,
    item_code  TEXT NOT NULL,
    level      TEXT NOT NULL,
    amt        INTEGER NOT NULL CHECK (amt > 0),
    living     INTEGER NOT NULL CHECK (living IN (0, 1)),
    PRIMARY KEY (remit_id, payment_id, item_code, level),
    FOREIGN KEY (remit_id, line_no) REFERENCES remittance_lines (remit_id, line_no),
    FOREIGN KEY (payment_id, item_code, level)
        REFERENCES income_dues (payment_id, item_code, level)
) STRICT, WITHOUT ROWID;

-- At most one living remittance: nothing is remitted twice.
CREATE UNIQUE INDEX remittance_parts_living ON remittance_parts (payment_id, item_code, level)
    WHERE living = 1;
CREATE INDEX remittance_parts_of_line ON remittance_parts (remit_id, line_no);

CREATE TRIGGER remittance_parts_stay BEFORE UPDATE ON remittance_parts
WHEN NEW.amt <> OLD.amt OR NEW.line_no <> OLD.line_no BEGIN
    SELECT RAISE(ABORT, 'remittance: what was remitted is never changed');
END;

CREATE TRIGGER remittances_end BEFORE UPDATE ON remittances
WHEN OLD.state = 'succeeded' AND NEW.state <> 'succeeded'
    OR OLD.total <> NEW.total OR OLD.remit_no <> NEW.remit_no BEGIN
    SELECT RAISE(ABORT, 'remittance: a succeeded one stays so, and none changes its amount');
END;

-- Files for the voucher library (电子凭证库): written here with what they are about, put into the
-- spool folder afterwards, so that a stop in between loses none. `document` is their JSON.
CREATE TABLE vouchers (
    id         INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL CHECK (kind IN ('receipt', 'remittance')),
    number     TEXT NOT NULL,
    document   TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    spooled_at INTEGER,
    UNIQUE (kind, number)
) STRICT;

CREATE INDEX vouchers_waiting ON vouchers (id) WHERE spooled_at IS NULL;

-- Detail slips (集中汇缴明细单) of money that a unit collected itself. `pay_code` is the summary bill
-- (汇总单) that they are paid with, '' while there is none.
CREATE TABLE slips (
    slip_no     TEXT NOT NULL PRIMARY KEY,
    region      TEXT NOT NULL,
    unit_code   TEXT NOT NULL,
    item_code   TEXT NOT NULL,
    slip_date   TEXT NOT NULL CHECK (length(slip_date) = 8),
    payer_name  TEXT NOT NULL,
    amt         INTEGER NOT NULL CHECK (amt > 0 AND amt <= 1000000000000000),
    reference   TEXT NOT NULL, -- number of the paper receipt, '' for none
    state       TEXT NOT NULL CHECK (state IN ('recorded', 'dropped')),
    pay_code    TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    CHECK (state = 'recorded' OR pay_code = '')
) STRICT, WITHOUT ROWID;

CREATE INDEX slips_of_unit ON slips (unit_code, slip_date, slip_no) WHERE state = 'recorded';
CREATE INDEX slips_of_bill ON slips (pay_code) WHERE pay_code <> '';
CREATE UNIQUE INDEX slips_reference ON slips (unit_code, reference)
    WHERE reference <> '' AND state = 'recorded';

-- What the treasury says that it booked (入库流水: flow, 收入日报: daily), a day at a time. Lines of a
-- flow may name the remittance; a daily report is of sums.
CREATE TABLE feedback_days (
    id          INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('flow', 'daily')),
    tre_code    TEXT NOT NULL,
    day         TEXT NOT NULL CHECK (length(day) = 8),
    digest      TEXT NOT NULL,
    imported_by TEXT NOT NULL,
    imported_at INTEGER NOT NULL,
    living      INTEGER NOT NULL CHECK (living IN (0, 1))
) STRICT;

CREATE UNIQUE INDEX feedback_days_living ON feedback_days (kind, tre_code, day) WHERE living = 1;

CREATE TABLE feedback_lines (
    day_id   INTEGER NOT NULL REFERENCES feedback_days (id),
    line     INTEGER NOT NULL CHECK (line > 0),
    subject  TEXT NOT NULL,
    level    TEXT NOT NULL,
    amt      INTEGER NOT NULL,
    remit_no TEXT NOT NULL,
    tra_no   TEXT NOT NULL,
    PRIMARY KEY (day_id, line)
) STRICT, WITHOUT ROWID;

CREATE INDEX feedback_lines_of_remittance ON feedback_lines (remit_no) WHERE remit_no <> '';
