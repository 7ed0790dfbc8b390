-- Statements (对账单): what collecting nodes list of a day: 2555, 2557, 2556 --------------------------

-- One batch a channel (2555) or account (2557, 2556) and day. `scope` is that PayMode or account,
-- `acct_type` '' for a channel. Balances are NULL unless the kind is 2556. `lines` and `lines_amt`
-- are what its packs hold so far; `digest` '' until all of them are there.
--   receiving  packs are still missing
--   complete   all packs are there and add up; not reconciled yet
--   failed     reconciled, with differences: may be replaced
--   reconciled reconciled without open differences: nothing is taken any more
--   replacing  takes the place of what stands (a failed batch, or any with a file) once complete
--   replaced, dropped (did not add up, or nobody went on), reopened: history
CREATE TABLE statement_batches (
    id          INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('2555', '2557', '2556')),
    src         TEXT NOT NULL,
    check_date  TEXT NOT NULL CHECK (length(check_date) = 8),
    scope       TEXT NOT NULL CHECK (scope <> ''),
    acct_type   TEXT NOT NULL,
    batch_no    TEXT NOT NULL,
    pack_count  INTEGER NOT NULL CHECK (pack_count > 0),
    total_count INTEGER NOT NULL CHECK (total_count >= 0),
    total_amt   INTEGER NOT NULL CHECK (total_amt >= 0),
    begin_bal   INTEGER,
    in_amt      INTEGER,
    out_amt     INTEGER,
    end_bal     INTEGER,
    state       TEXT NOT NULL CHECK (state IN ('receiving', 'complete', 'failed', 'reconciled',
        'replacing', 'replaced', 'dropped', 'reopened')),
    origin      TEXT NOT NULL CHECK (origin IN ('message', 'file')),
    digest      TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    lines       INTEGER NOT NULL CHECK (lines >= 0),
    lines_amt   INTEGER NOT NULL CHECK (lines_amt >= 0),
    CHECK ((kind = '2556') = (begin_bal IS NOT NULL AND in_amt IS NOT NULL
        AND out_amt IS NOT NULL AND end_bal IS NOT NULL)),
    CHECK (kind = '2556' OR coalesce(begin_bal, in_amt, out_amt, end_bal) IS NULL),
    CHECK (state NOT IN ('complete', 'failed', 'reconciled') OR digest <> '')
) STRICT;

-- Whatever its number: one stands, and at most one is on its way to take its place.
CREATE UNIQUE INDEX statement_batches_living ON statement_batches (src, check_date, kind, scope)
    WHERE state IN ('receiving', 'complete', 'failed', 'reconciled');
CREATE UNIQUE INDEX statement_batches_replacing ON statement_batches (src, check_date, kind, scope)
    WHERE state = 'replacing';
CREATE INDEX statement_batches_by_date ON statement_batches (check_date, src);
-- The balance that a day begins with.
CREATE INDEX statement_batches_balances ON statement_batches (src, scope, check_date)
    WHERE kind = '2556';

-- Packs that have come. `in_amt`: the part of `amt` that came in (2556). `resent` 1: its content is
-- that of the failed batch that it may replace, so it may be a late copy of that one's pack.
CREATE TABLE statement_packs (
    batch_id    INTEGER NOT NULL REFERENCES statement_batches (id),
    pack_no     INTEGER NOT NULL CHECK (pack_no > 0),
    digest      TEXT NOT NULL,
    count       INTEGER NOT NULL CHECK (count >= 0),
    amt         INTEGER NOT NULL CHECK (amt >= 0),
    in_amt      INTEGER NOT NULL CHECK (in_amt >= 0),
    received_at INTEGER NOT NULL,
    resent      INTEGER NOT NULL CHECK (resent IN (0, 1)),
    PRIMARY KEY (batch_id, pack_no)
) STRICT, WITHOUT ROWID;

-- Packs of batches that ended: their lines are deleted little by little, as new packs come.
CREATE TABLE statement_waste (
    batch_id INTEGER NOT NULL,
    pack_no  INTEGER NOT NULL,
    PRIMARY KEY (batch_id, pack_no)
) STRICT, WITHOUT ROWID;

-- Totals by channel (2556), with the pack that told them first.
CREATE TABLE statement_channels (
    batch_id INTEGER NOT NULL REFERENCES statement_batches (id),
    pack_no  INTEGER NOT NULL,
    pay_mode TEXT NOT NULL,
    in_amt   INTEGER NOT NULL,
    out_amt  INTEGER NOT NULL,
    PRIMARY KEY (batch_id, pay_mode)
) STRICT, WITHOUT ROWID;

-- Lines. `line_no` counts from 1 in a pack; of a file it is the line of the file. `fault`: why a
-- line cannot be used, '' when it can; its columns then hold what could be read.
CREATE TABLE statement_payments (
    src           TEXT NOT NULL,
    check_date    TEXT NOT NULL,
    tra_no        TEXT NOT NULL,
    batch_id      INTEGER NOT NULL,
    pack_no       INTEGER NOT NULL,
    line_no       INTEGER NOT NULL,
    pay_code      TEXT NOT NULL,
    cfm_date      TEXT NOT NULL,
    cfm_time      TEXT NOT NULL,
    amt           INTEGER NOT NULL,
    pay_mode      TEXT NOT NULL,
    payer_name    TEXT NOT NULL,
    payer_acct    TEXT NOT NULL,
    rec_acct_type TEXT NOT NULL,
    rec_acct      TEXT NOT NULL,
    bank_outlet   TEXT NOT NULL,
    ref_batch_no  TEXT NOT NULL,
    fault         TEXT NOT NULL,
    PRIMARY KEY (src, check_date, tra_no, batch_id, pack_no, line_no)
) STRICT, WITHOUT ROWID;

CREATE INDEX statement_payments_by_place ON statement_payments (batch_id, pack_no, line_no);
CREATE INDEX statement_payments_by_bill ON statement_payments (pay_code);

CREATE TABLE statement_funds (
    batch_id     INTEGER NOT NULL,
    pack_no      INTEGER NOT NULL,
    line_no      INTEGER NOT NULL,
    tra_no       TEXT NOT NULL,
    pay_mode     TEXT NOT NULL,
    pay_code     TEXT NOT NULL,
    ref_batch_no TEXT NOT NULL,
    rec_sub_acct TEXT NOT NULL,
    amt          INTEGER NOT NULL,
    add_word     TEXT NOT NULL,
    fault        TEXT NOT NULL,
    PRIMARY KEY (batch_id, pack_no, line_no)
) STRICT, WITHOUT ROWID;

CREATE INDEX statement_funds_by_number ON statement_funds (tra_no);

CREATE TABLE statement_movements (
    batch_id     INTEGER NOT NULL,
    pack_no      INTEGER NOT NULL,
    line_no      INTEGER NOT NULL,
    tra_no       TEXT NOT NULL,
    dc_flag      TEXT NOT NULL,
    pay_mode     TEXT NOT NULL,
    amt          INTEGER NOT NULL,
    opp_name     TEXT NOT NULL,
    opp_acct     TEXT NOT NULL,
    ref_batch_no TEXT NOT NULL,
    add_word     TEXT NOT NULL,
    fault        TEXT NOT NULL,
    PRIMARY KEY (batch_id, pack_no, line_no)
) STRICT, WITHOUT ROWID;

CREATE INDEX statement_movements_by_number ON statement_movements (tra_no);
