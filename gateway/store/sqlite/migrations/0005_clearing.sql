-- Clearing (清分) ---------------------------------------------------------------------------------

-- Where money waits to be cleared: a paying account (付款账户), apart by collecting node and region.
-- `peer` is instructed: the collecting bank for money on a 科目, else the bank of the account.
CREATE TABLE clearing_groups (
    id        INTEGER PRIMARY KEY,
    node      TEXT NOT NULL,
    region    TEXT NOT NULL,
    peer      TEXT NOT NULL,
    acct_type TEXT NOT NULL,
    acct_no   TEXT NOT NULL,
    acct_name TEXT NOT NULL,
    UNIQUE (node, region, peer, acct_type, acct_no)
) STRICT;

-- A payment, or a succeeded refund of one (negative), that has entered clearing.
CREATE TABLE clearing_entries (
    id         INTEGER PRIMARY KEY,
    group_id   INTEGER NOT NULL REFERENCES clearing_groups (id),
    payment_id INTEGER NOT NULL REFERENCES payments (id),
    refund_no  TEXT NOT NULL,
    amt        INTEGER NOT NULL,
    entered_at INTEGER NOT NULL,
    CHECK ((refund_no = '' AND amt > 0) OR (refund_no <> '' AND amt < 0))
) STRICT;

-- Each payment is cleared once, each refund netted once.
CREATE UNIQUE INDEX clearing_entries_payment ON clearing_entries (payment_id) WHERE refund_no = '';
CREATE UNIQUE INDEX clearing_entries_refund ON clearing_entries (refund_no) WHERE refund_no <> '';
CREATE INDEX clearing_entries_of_payment ON clearing_entries (payment_id);

CREATE TRIGGER clearing_entries_belong BEFORE INSERT ON clearing_entries BEGIN
    SELECT RAISE(ABORT, 'clearing: only effective payments are cleared') WHERE NOT EXISTS (
        SELECT 1 FROM payments WHERE id = NEW.payment_id AND duplicate = 0);
    SELECT RAISE(ABORT, 'clearing: only succeeded refunds of cleared payments are netted')
    WHERE NEW.refund_no <> '' AND NOT EXISTS (
        SELECT 1 FROM refunds JOIN clearing_entries AS paid ON paid.payment_id = refunds.payment_id
        WHERE refunds.refund_no = NEW.refund_no AND refunds.payment_id = NEW.payment_id
        AND refunds.state = 'succeeded' AND refunds.amt = -NEW.amt AND paid.refund_no = '');
END;

CREATE TRIGGER clearing_entries_stay BEFORE UPDATE ON clearing_entries BEGIN
    SELECT RAISE(ABORT, 'clearing: what has entered is never changed');
END;

-- The parts of an entry, by line of the bill and of the sharing rule in force then. `instr_no` ''
-- while a part waits; it goes into one line of one instruction, for ever.
CREATE TABLE clearing_parts (
    entry_id  INTEGER NOT NULL REFERENCES clearing_entries (id),
    seq       INTEGER NOT NULL CHECK (seq > 0),
    group_id  INTEGER NOT NULL REFERENCES clearing_groups (id),
    line      INTEGER NOT NULL CHECK (line > 0),
    item_code TEXT NOT NULL,
    target    TEXT NOT NULL REFERENCES targets (code),
    parts     INTEGER NOT NULL CHECK (parts > 0 AND parts <= 10000),
    amt       INTEGER NOT NULL,
    instr_no  TEXT NOT NULL,
    line_no   INTEGER NOT NULL,
    PRIMARY KEY (entry_id, seq),
    CHECK ((instr_no = '') = (line_no = 0))
) STRICT, WITHOUT ROWID;

CREATE INDEX clearing_parts_waiting ON clearing_parts (group_id, target) WHERE instr_no = '';
CREATE INDEX clearing_parts_of_line ON clearing_parts (instr_no, line_no) WHERE instr_no <> '';

CREATE TRIGGER clearing_parts_once BEFORE UPDATE ON clearing_parts WHEN OLD.instr_no <> '' BEGIN
    SELECT RAISE(ABORT, 'clearing: a part is instructed once');
END;

-- Instructions (清分指令, 5614) and their lines, one for each target account.
CREATE TABLE clearing_instructions (
    instr_no    TEXT NOT NULL PRIMARY KEY,
    instr_date  TEXT NOT NULL CHECK (length(instr_date) = 8),
    run_date    TEXT NOT NULL CHECK (length(run_date) = 8), -- CfmDate that the run was for
    node        TEXT NOT NULL,
    region      TEXT NOT NULL,
    peer        TEXT NOT NULL,
    acct_type   TEXT NOT NULL,
    acct_name   TEXT NOT NULL,
    acct_no     TEXT NOT NULL,
    total       INTEGER NOT NULL CHECK (total > 0),
    count       INTEGER NOT NULL CHECK (count > 0),
    state       TEXT NOT NULL CHECK (state IN
        ('queued', 'sent', 'acknowledged', 'succeeded', 'failed', 'partly', 'unknown')),
    resend_of   TEXT NOT NULL,
    made_by     TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    information TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX clearing_instructions_by_state ON clearing_instructions (state, instr_no);

CREATE TABLE clearing_lines (
    instr_no     TEXT NOT NULL REFERENCES clearing_instructions (instr_no),
    line_no      INTEGER NOT NULL CHECK (line_no > 0),
    target       TEXT NOT NULL,
    level        TEXT NOT NULL,
    acct_type    TEXT NOT NULL,
    acct_no      TEXT NOT NULL,
    acct_name    TEXT NOT NULL,
    bank_name    TEXT NOT NULL,
    bank_no      TEXT NOT NULL,
    amt          INTEGER NOT NULL CHECK (amt > 0),
    state        TEXT NOT NULL CHECK (state IN
        ('queued', 'sent', 'acknowledged', 'succeeded', 'failed', 'unknown')),
    result       TEXT NOT NULL,
    information  TEXT NOT NULL,
    tra_no       TEXT NOT NULL,
    tra_date     TEXT NOT NULL,
    tra_time     TEXT NOT NULL,
    origin_instr TEXT NOT NULL, -- the failed line that this one sends again, '' for none
    origin_line  INTEGER NOT NULL,
    PRIMARY KEY (instr_no, line_no)
) STRICT, WITHOUT ROWID;

-- A failed line is sent again once (its successor may fail and be sent again in turn).
CREATE UNIQUE INDEX clearing_lines_again ON clearing_lines (origin_instr, origin_line)
    WHERE origin_instr <> '';

CREATE TRIGGER clearing_lines_fail_first BEFORE INSERT ON clearing_lines
WHEN NEW.origin_instr <> '' BEGIN
    SELECT RAISE(ABORT, 'clearing: only a failed line is sent again') WHERE NOT EXISTS (
        SELECT 1 FROM clearing_lines WHERE instr_no = NEW.origin_instr
        AND line_no = NEW.origin_line AND state = 'failed' AND amt = NEW.amt);
END;

CREATE TRIGGER clearing_lines_end BEFORE UPDATE ON clearing_lines
WHEN OLD.state = 'succeeded' AND NEW.state <> 'succeeded' OR NEW.amt <> OLD.amt BEGIN
    SELECT RAISE(ABORT, 'clearing: a succeeded line stays so');
END;
