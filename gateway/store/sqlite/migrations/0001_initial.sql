-- The books of the gateway. Amounts are INTEGER fen, instants INTEGER milliseconds UTC, dates TEXT
-- yyyymmdd ('' where open), flags 0 or 1. Text that is not known is '', never NULL.

CREATE TABLE schema_version (
    version    INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT;

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Gap-free counters: pay codes per region, year and assigning unit, refund numbers and so on.
CREATE TABLE serials (
    scope TEXT NOT NULL PRIMARY KEY,
    last  INTEGER NOT NULL CHECK (last > 0)
) STRICT, WITHOUT ROWID;

-- Bills (缴款书) ----------------------------------------------------------------------------------

CREATE TABLE bills (
    pay_code          TEXT NOT NULL,
    region            TEXT NOT NULL,
    bill_date         TEXT NOT NULL CHECK (length(bill_date) = 8),
    unit_code         TEXT NOT NULL,
    unit_name         TEXT NOT NULL,
    payer_name        TEXT NOT NULL,
    amt               INTEGER NOT NULL CHECK (amt > 0 AND amt <= 1000000000000000),
    ori_amt           INTEGER NOT NULL CHECK (ori_amt >= 0),
    delay_amt         INTEGER NOT NULL CHECK (delay_amt >= 0),
    source            TEXT NOT NULL CHECK (source IN ('8994', '8995', 'import', 'cli')),
    maker             TEXT NOT NULL,
    created_at        INTEGER NOT NULL,
    changed_at        INTEGER NOT NULL,
    state             TEXT NOT NULL CHECK (state IN ('unpaid', 'paid', 'confirmed', 'void')),
    payer_type        TEXT NOT NULL,
    payer_acct        TEXT NOT NULL,
    payer_op_bk       TEXT NOT NULL,
    rec_acct_type     TEXT NOT NULL,
    rec_name          TEXT NOT NULL,
    rec_acct          TEXT NOT NULL,
    rec_acct_real     TEXT NOT NULL,
    rec_op_bk         TEXT NOT NULL,
    rec_bank_no       TEXT NOT NULL,
    is_inter_bank     TEXT NOT NULL CHECK (is_inter_bank IN ('', '0', '1')),
    pay_info          TEXT NOT NULL,
    memo              TEXT NOT NULL,
    crc_code          TEXT NOT NULL,
    mobile            TEXT NOT NULL,
    payer_credit_code TEXT NOT NULL,
    rec_credit_code   TEXT NOT NULL,
    operator_code     TEXT NOT NULL,
    operator_name     TEXT NOT NULL,
    expiry_date       TEXT NOT NULL,
    virtual_acct      TEXT NOT NULL,
    face_to_face      INTEGER NOT NULL CHECK (face_to_face IN (0, 1)),
    notify            INTEGER NOT NULL CHECK (notify IN (0, 1)),
    notify_node       TEXT NOT NULL,
    content_digest    TEXT NOT NULL,
    bill_type_code    TEXT NOT NULL,
    bill_ver_code     TEXT NOT NULL,
    bill_no           TEXT NOT NULL,
    education         INTEGER NOT NULL CHECK (education IN (0, 1)),
    student           TEXT NOT NULL,
    id_number         TEXT NOT NULL,
    school            TEXT NOT NULL,
    class_name        TEXT NOT NULL,
    hold1             TEXT NOT NULL,
    hold2             TEXT NOT NULL,
    PRIMARY KEY (pay_code),
    CHECK (amt = ori_amt + delay_amt)
) STRICT;

CREATE INDEX bills_by_date ON bills (bill_date, pay_code);
CREATE INDEX bills_by_unit ON bills (unit_code, bill_date, pay_code);
CREATE INDEX bills_unpaid ON bills (unit_code, bill_date) WHERE state = 'unpaid';
CREATE INDEX bills_of_school_by_mobile ON bills (mobile) WHERE education = 1 AND mobile <> '';
CREATE INDEX bills_of_school_by_identity ON bills (id_number) WHERE education = 1 AND id_number <> '';
CREATE INDEX bills_by_virtual_account ON bills (virtual_acct) WHERE virtual_acct <> '';

CREATE TABLE bill_items (
    pay_code      TEXT NOT NULL REFERENCES bills (pay_code),
    line          INTEGER NOT NULL CHECK (line > 0),
    code          TEXT NOT NULL,
    name          TEXT NOT NULL,
    amt           INTEGER NOT NULL CHECK (amt >= 0 AND amt <= 1000000000000000),
    unit          TEXT NOT NULL,
    quantity      TEXT NOT NULL,
    standard_type TEXT NOT NULL,
    standard      TEXT NOT NULL,
    PRIMARY KEY (pay_code, line)
) STRICT, WITHOUT ROWID;

-- Who asked for a bill; written only where a site switched the checks 12005 and 12006 on.
CREATE TABLE queried (
    pay_code   TEXT NOT NULL,
    src        TEXT NOT NULL,
    query_date TEXT NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (pay_code, src, query_date)
) STRICT, WITHOUT ROWID;

-- Payments (缴款) ---------------------------------------------------------------------------------

CREATE TABLE payments (
    id               INTEGER PRIMARY KEY,
    src              TEXT NOT NULL,
    cfm_date         TEXT NOT NULL CHECK (length(cfm_date) = 8),
    tra_no_bus       TEXT NOT NULL,
    pay_code         TEXT NOT NULL REFERENCES bills (pay_code),
    amt              INTEGER NOT NULL CHECK (amt > 0 AND amt <= 1000000000000000),
    pay_mode         TEXT NOT NULL,
    rec_acct_type    TEXT NOT NULL,
    rec_acct         TEXT NOT NULL,
    channel          TEXT NOT NULL CHECK (channel IN ('2612', '2607', '2616', 'claim', 'repair')),
    received_at      INTEGER NOT NULL,
    cfm_time         TEXT NOT NULL,
    bank_outlet      TEXT NOT NULL,
    operator         TEXT NOT NULL,
    payer_name       TEXT NOT NULL,
    payer_acct       TEXT NOT NULL,
    payer_op_bk      TEXT NOT NULL,
    payer_op_bk_no   TEXT NOT NULL,
    duplicate        INTEGER NOT NULL CHECK (duplicate IN (0, 1)),
    after_expiry     INTEGER NOT NULL CHECK (after_expiry IN (0, 1)),
    before_bill      INTEGER NOT NULL CHECK (before_bill IN (0, 1)),
    UNIQUE (src, cfm_date, tra_no_bus)
) STRICT;

-- First confirmed, first effective (先确认先生效): one effective payment a bill.
CREATE UNIQUE INDEX payments_effective ON payments (pay_code) WHERE duplicate = 0;
CREATE INDEX payments_duplicate ON payments (pay_code) WHERE duplicate = 1;

-- Every judged confirmation with the answer it got: content → answer, for ever.
CREATE TABLE confirmations (
    id            INTEGER PRIMARY KEY,
    src           TEXT NOT NULL,
    cfm_date      TEXT NOT NULL,
    tra_no_bus    TEXT NOT NULL,
    pay_code      TEXT NOT NULL,
    amt           INTEGER NOT NULL,
    pay_mode      TEXT NOT NULL,
    rec_acct_type TEXT NOT NULL,
    rec_acct      TEXT NOT NULL,
    accepted      INTEGER NOT NULL CHECK (accepted IN (0, 1)),
    result        TEXT NOT NULL,
    information   TEXT NOT NULL,
    payment_id    INTEGER REFERENCES payments (id),
    at            INTEGER NOT NULL,
    CHECK (accepted = 0 OR payment_id IS NOT NULL)
) STRICT;

-- The order of the columns lets one index serve the content and (src, number, pay code, amount).
CREATE UNIQUE INDEX confirmations_content ON confirmations
    (src, tra_no_bus, pay_code, amt, cfm_date, pay_mode, rec_acct_type, rec_acct);
CREATE UNIQUE INDEX confirmations_accepted ON confirmations (src, cfm_date, tra_no_bus)
    WHERE accepted = 1;

-- Refunds (退付) ----------------------------------------------------------------------------------

CREATE TABLE refunds (
    refund_no      TEXT NOT NULL,
    kind           INTEGER NOT NULL CHECK (kind IN (1, 2)),
    payment_id     INTEGER NOT NULL REFERENCES payments (id),
    pay_code       TEXT NOT NULL,
    src            TEXT NOT NULL,
    ori_tra_no_bus TEXT NOT NULL,
    ori_cfm_date   TEXT NOT NULL,
    ori_amt        INTEGER NOT NULL CHECK (ori_amt > 0 AND ori_amt <= 1000000000000000),
    amt            INTEGER NOT NULL CHECK (amt > 0 AND amt <= ori_amt),
    state          TEXT NOT NULL CHECK (state IN
        ('requested', 'approved', 'queued', 'sent', 'acknowledged', 'succeeded', 'failed', 'unknown',
         'rejected')),
    created_at     INTEGER NOT NULL,
    changed_at     INTEGER NOT NULL,
    rec_name       TEXT NOT NULL,
    rec_acct       TEXT NOT NULL,
    rec_op_bk      TEXT NOT NULL,
    rec_op_bk_no   TEXT NOT NULL,
    reason         TEXT NOT NULL,
    requested_by   TEXT NOT NULL,
    approved_by    TEXT NOT NULL,
    result         TEXT NOT NULL,
    information    TEXT NOT NULL,
    tra_no         TEXT NOT NULL,
    tra_date       TEXT NOT NULL,
    tra_time       TEXT NOT NULL,
    PRIMARY KEY (refund_no)
) STRICT;

CREATE INDEX refunds_of_payment ON refunds (payment_id);
CREATE INDEX refunds_of_bill ON refunds (pay_code);
CREATE INDEX refunds_by_state ON refunds (state, refund_no);

-- Delivery ----------------------------------------------------------------------------------------

CREATE TABLE outbox (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    peer            TEXT NOT NULL,
    lane            TEXT NOT NULL,
    number          TEXT NOT NULL,
    interface       TEXT NOT NULL,
    subject         TEXT NOT NULL,
    msg_id          TEXT NOT NULL UNIQUE,
    voucher         TEXT NOT NULL,
    adm_div_code    TEXT NOT NULL,
    next_at         INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,
    money           INTEGER NOT NULL CHECK (money IN (0, 1)),
    state           TEXT NOT NULL CHECK (state IN
        ('queued', 'sent', 'acknowledged', 'succeeded', 'failed', 'partly', 'unknown', 'dead',
         'dropped', 'expired')),
    attempts        INTEGER NOT NULL,
    ever_sent       INTEGER NOT NULL CHECK (ever_sent IN (0, 1)),
    result_deadline INTEGER,
    lease_owner     TEXT NOT NULL,
    lease_until     INTEGER NOT NULL,
    last_result     TEXT NOT NULL,
    last_error      TEXT NOT NULL,
    done_at         INTEGER,
    -- What is money and may have left us cannot be declared failed by giving up.
    CHECK (NOT (money = 1 AND ever_sent = 1 AND state IN ('dead', 'dropped', 'expired')))
) STRICT;

-- Living rows only: finding the heads costs the same whatever has been delivered.
CREATE INDEX outbox_lanes ON outbox (peer, lane, id) WHERE state IN ('queued', 'sent');
CREATE INDEX outbox_expiry ON outbox (expires_at) WHERE state IN ('queued', 'sent');
CREATE INDEX outbox_awaited ON outbox (result_deadline) WHERE state = 'acknowledged';
CREATE INDEX outbox_by_subject ON outbox (subject, number);

CREATE TABLE archive (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
    peer      TEXT NOT NULL,
    number    TEXT NOT NULL,
    msg_id    TEXT NOT NULL,
    msg_ref   TEXT NOT NULL,
    subject   TEXT NOT NULL,
    result    TEXT NOT NULL,
    at        INTEGER NOT NULL,
    voucher   TEXT NOT NULL
) STRICT;

CREATE INDEX archive_by_subject ON archive (subject) WHERE subject <> '';
CREATE INDEX archive_by_peer ON archive (peer, number, id);

CREATE TABLE tokens (
    peer            TEXT NOT NULL PRIMARY KEY,
    sealed_current  TEXT NOT NULL,
    sealed_previous TEXT NOT NULL,
    changed_at      INTEGER NOT NULL,
    confirmed_at    INTEGER,
    version         INTEGER NOT NULL CHECK (version > 0)
) STRICT, WITHOUT ROWID;

-- Journal -----------------------------------------------------------------------------------------

CREATE TABLE journal (
    seq       INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    subject   TEXT NOT NULL,
    actor     TEXT NOT NULL,
    facts     TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash      TEXT NOT NULL
) STRICT;

CREATE INDEX journal_by_subject ON journal (subject, seq);

-- Number and hash of the last row, so that a tail that was cut off is seen.
CREATE TABLE journal_head (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    seq  INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;

INSERT INTO journal_head (only, seq, hash) VALUES
    (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

CREATE TRIGGER journal_continues BEFORE INSERT ON journal BEGIN
    SELECT RAISE(ABORT, 'journal: a row must continue the chain') WHERE NOT EXISTS (
        SELECT 1 FROM journal_head WHERE seq = NEW.seq - 1 AND hash = NEW.prev_hash);
    UPDATE journal_head SET seq = NEW.seq, hash = NEW.hash WHERE only = 1;
END;

CREATE TRIGGER journal_keeps_rows BEFORE UPDATE ON journal BEGIN
    SELECT RAISE(ABORT, 'journal: rows are never changed');
END;

CREATE TRIGGER journal_keeps_all BEFORE DELETE ON journal BEGIN
    SELECT RAISE(ABORT, 'journal: rows are never deleted');
END;

CREATE TRIGGER journal_head_stays BEFORE DELETE ON journal_head BEGIN
    SELECT RAISE(ABORT, 'journal: the head is never deleted');
END;

-- Operators ---------------------------------------------------------------------------------------

CREATE TABLE operators (
    name            TEXT NOT NULL PRIMARY KEY,
    roles           TEXT NOT NULL,
    units           TEXT NOT NULL,
    password_hash   TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,
    must_change     INTEGER NOT NULL CHECK (must_change IN (0, 1)),
    enabled         INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    failed_attempts INTEGER NOT NULL,
    locked_until    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Catalogue (基础信息) ----------------------------------------------------------------------------
-- An entry holds from start_date up to and including stop_date ('' while open).

CREATE TABLE regions (
    code       TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    start_date TEXT NOT NULL,
    stop_date  TEXT NOT NULL,
    level      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE units (
    code                TEXT NOT NULL PRIMARY KEY,
    name                TEXT NOT NULL,
    region              TEXT NOT NULL,
    start_date          TEXT NOT NULL,
    stop_date           TEXT NOT NULL,
    parent              TEXT NOT NULL,
    credit_code         TEXT NOT NULL,
    income_confirmation TEXT NOT NULL CHECK (income_confirmation IN ('automatic', 'operator')),
    bill_kinds          TEXT NOT NULL,
    banks               TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE bill_kinds (
    code       TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    version    TEXT NOT NULL,
    start_date TEXT NOT NULL,
    stop_date  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE items (
    code                TEXT NOT NULL PRIMARY KEY,
    name                TEXT NOT NULL,
    start_date          TEXT NOT NULL,
    stop_date           TEXT NOT NULL,
    project_code        TEXT NOT NULL,
    income_subject      TEXT NOT NULL,
    income_subject_name TEXT NOT NULL,
    budget_subject      TEXT NOT NULL,
    fund_nature         TEXT NOT NULL,
    unit_of_measure     TEXT NOT NULL,
    standard_type       TEXT NOT NULL,
    standard_low        INTEGER CHECK (standard_low >= 0),
    standard_high       INTEGER CHECK (standard_high >= 0),
    remit_mode          TEXT NOT NULL CHECK (remit_mode IN ('direct', 'consolidated', 'bank')),
    remit_type          TEXT NOT NULL,
    entrusted           INTEGER NOT NULL CHECK (entrusted IN (0, 1)),
    coordinated         INTEGER NOT NULL CHECK (coordinated IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE unit_items (
    unit_code  TEXT NOT NULL,
    item_code  TEXT NOT NULL,
    start_date TEXT NOT NULL,
    stop_date  TEXT NOT NULL,
    PRIMARY KEY (unit_code, item_code, start_date)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    acct_no    TEXT NOT NULL,
    region     TEXT NOT NULL,
    purpose    TEXT NOT NULL CHECK (purpose IN ('collection', 'clearing', 'reserve', 'supervised')),
    start_date TEXT NOT NULL,
    stop_date  TEXT NOT NULL,
    acct_type  TEXT NOT NULL,
    name       TEXT NOT NULL,
    bank_code  TEXT NOT NULL,
    bank_no    TEXT NOT NULL,
    bank_name  TEXT NOT NULL,
    is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
    unit_code  TEXT NOT NULL,
    balance    INTEGER NOT NULL,
    PRIMARY KEY (acct_no, region, purpose, start_date)
) STRICT, WITHOUT ROWID;

CREATE INDEX accounts_by_region ON accounts (region, purpose);

CREATE TABLE banks (
    code       TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    bank_no    TEXT NOT NULL,
    start_date TEXT NOT NULL,
    stop_date  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE outlets (
    code      TEXT NOT NULL PRIMARY KEY,
    bank_code TEXT NOT NULL,
    name      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE clearing_banks (
    node       TEXT NOT NULL PRIMARY KEY,
    bank_code  TEXT NOT NULL,
    name       TEXT NOT NULL,
    acct_no    TEXT NOT NULL,
    start_date TEXT NOT NULL,
    stop_date  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE treasuries (
    code       TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    region     TEXT NOT NULL,
    level      TEXT NOT NULL,
    start_date TEXT NOT NULL,
    stop_date  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Where shares go: an account of one budget level (预算级次).
CREATE TABLE targets (
    code       TEXT NOT NULL PRIMARY KEY,
    level      TEXT NOT NULL,
    acct_type  TEXT NOT NULL,
    acct_no    TEXT NOT NULL,
    name       TEXT NOT NULL,
    bank_name  TEXT NOT NULL,
    bank_no    TEXT NOT NULL,
    start_date TEXT NOT NULL,
    stop_date  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Sharing rules (分成规则): the parts of one item and start date add up to 10,000.
CREATE TABLE shares (
    item_code  TEXT NOT NULL,
    start_date TEXT NOT NULL,
    line       INTEGER NOT NULL CHECK (line > 0),
    stop_date  TEXT NOT NULL,
    target     TEXT NOT NULL REFERENCES targets (code),
    parts      INTEGER NOT NULL CHECK (parts > 0 AND parts <= 10000),
    PRIMARY KEY (item_code, start_date, line)
) STRICT, WITHOUT ROWID;

-- Virtual accounts (虚拟账户): pools of numbers, and each number once it is known.
CREATE TABLE virtual_pools (
    first        TEXT NOT NULL PRIMARY KEY,
    last         TEXT NOT NULL,
    bank_code    TEXT NOT NULL,
    acct_no      TEXT NOT NULL,
    allocate     TEXT NOT NULL CHECK (allocate IN ('on_request', 'always')),
    release_days INTEGER NOT NULL CHECK (release_days >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE virtual_accounts (
    acct_no      TEXT NOT NULL PRIMARY KEY,
    pool         TEXT NOT NULL REFERENCES virtual_pools (first),
    bank_code    TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('free', 'allocated', 'ended')),
    pay_code     TEXT NOT NULL,
    allocated_at INTEGER NOT NULL,
    free_after   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX virtual_accounts_free ON virtual_accounts (bank_code, acct_no) WHERE state = 'free';
CREATE INDEX virtual_accounts_ended ON virtual_accounts (free_after) WHERE state = 'ended';
CREATE INDEX virtual_accounts_of_bill ON virtual_accounts (pay_code) WHERE pay_code <> '';
