-- Reconciliation (对账) ----------------------------------------------------------------------------

-- A run over one node's statements of one day. Its result stands under the digest of its inputs as
-- first seen: the same inputs give the same result, other inputs the next revision.
CREATE TABLE recon_runs (
    id             INTEGER PRIMARY KEY,
    node           TEXT NOT NULL,
    check_date     TEXT NOT NULL CHECK (length(check_date) = 8),
    revision       INTEGER NOT NULL CHECK (revision > 0),
    inputs_digest  TEXT NOT NULL CHECK (inputs_digest <> ''),
    state          TEXT NOT NULL CHECK (state IN ('running', 'done')),
    started_at     INTEGER NOT NULL,
    finished_at    INTEGER,
    max_payment_id INTEGER NOT NULL,     -- what is booked later belongs to a later run
    summary        TEXT NOT NULL,        -- JSON; '' while it runs
    UNIQUE (node, check_date, inputs_digest),
    UNIQUE (node, check_date, revision),
    CHECK ((state = 'done') = (finished_at IS NOT NULL)),
    CHECK ((state = 'done') = (summary <> ''))
) STRICT;

-- At most one run of a node and day is under way.
CREATE UNIQUE INDEX recon_runs_under_way ON recon_runs (node, check_date) WHERE state = 'running';

-- What the two sides do not agree on. A later run finds a row again under its key and leaves what
-- people have decided about it.
CREATE TABLE recon_differences (
    id         INTEGER PRIMARY KEY,
    node       TEXT NOT NULL,
    check_date TEXT NOT NULL CHECK (length(check_date) = 8),
    statement  TEXT NOT NULL CHECK (statement IN ('2555', '2557', '2556')),
    scope      TEXT NOT NULL,            -- PayMode of 2555, account of 2557 and 2556
    kind       TEXT NOT NULL,
    key        TEXT NOT NULL,
    code       TEXT NOT NULL,            -- what the bank is told; '' for what it is not told
    state      TEXT NOT NULL CHECK (state IN ('open', 'repaired', 'resolved', 'settled', 'noted')),
    first_run  INTEGER NOT NULL REFERENCES recon_runs (id),
    last_run   INTEGER NOT NULL REFERENCES recon_runs (id),
    pay_code   TEXT NOT NULL,
    tra_no     TEXT NOT NULL,
    payment_id INTEGER REFERENCES payments (id),
    batch_id   INTEGER,                  -- the line, while its statement lives
    pack_no    INTEGER,
    line_no    INTEGER,
    ours_amt   INTEGER,
    theirs_amt INTEGER,
    fields     TEXT NOT NULL,            -- JSON [[tag, ours, theirs], …], masked
    reason     TEXT NOT NULL,
    expected   TEXT NOT NULL,
    held       INTEGER NOT NULL CHECK (held IN (0, 1)),   -- no machine may repair it
    found_at   INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    UNIQUE (node, check_date, statement, scope, key),
    CHECK ((batch_id IS NULL) = (pack_no IS NULL) AND (batch_id IS NULL) = (line_no IS NULL))
) STRICT;

CREATE INDEX recon_differences_open ON recon_differences (node, check_date) WHERE state = 'open';
CREATE INDEX recon_differences_of_payment ON recon_differences (payment_id)
    WHERE payment_id IS NOT NULL;
CREATE INDEX recon_differences_of_bill ON recon_differences (pay_code) WHERE pay_code <> '';

CREATE INDEX recon_differences_of_expected ON recon_differences (expected) WHERE expected <> '';

-- Expected money that a line of 2557 showed, beside a day's own payments: batches, sums of channels,
-- what was carried forward. A later run of that day expects it again, one of another day no more.
CREATE TABLE recon_met (
    node       TEXT NOT NULL,
    scope      TEXT NOT NULL,
    expected   TEXT NOT NULL,
    check_date TEXT NOT NULL CHECK (length(check_date) = 8),
    batch_id   INTEGER NOT NULL,
    pack_no    INTEGER NOT NULL,
    line_no    INTEGER NOT NULL,
    tra_no     TEXT NOT NULL,            -- of the line
    amt        INTEGER NOT NULL,
    data       TEXT NOT NULL,            -- JSON: what was expected
    PRIMARY KEY (node, scope, expected)
) STRICT, WITHOUT ROWID;

CREATE INDEX recon_met_of_line ON recon_met (batch_id, pack_no, line_no);
CREATE INDEX recon_met_by_number ON recon_met (node, tra_no);

-- What was done about a difference, or about a statement as a whole, by whom and why.
CREATE TABLE recon_actions (
    id            INTEGER PRIMARY KEY,
    difference_id INTEGER REFERENCES recon_differences (id),
    batch_id      INTEGER,
    action        TEXT NOT NULL CHECK (action IN ('repair', 'settle', 'accept', 'write_off', 'link',
        'force', 'refund', 'comment', 'propose', 'reject', 'reopen', 'rerun', 'carry')),
    actor         TEXT NOT NULL CHECK (actor <> ''),
    reason        TEXT NOT NULL,
    before        TEXT NOT NULL,         -- JSON
    after         TEXT NOT NULL,         -- JSON
    reference     TEXT NOT NULL,         -- what it led to: "payment:ID", a refund number, a row
    at            INTEGER NOT NULL,
    CHECK ((difference_id IS NULL) <> (batch_id IS NULL))
) STRICT;

CREATE INDEX recon_actions_of_difference ON recon_actions (difference_id)
    WHERE difference_id IS NOT NULL;
CREATE INDEX recon_actions_linked ON recon_actions (reference) WHERE action = 'link';
CREATE INDEX recon_actions_of_batch ON recon_actions (batch_id) WHERE batch_id IS NOT NULL;

CREATE TRIGGER recon_actions_keep_rows BEFORE UPDATE ON recon_actions BEGIN
    SELECT RAISE(ABORT, 'recon_actions: rows are never changed');
END;

CREATE TRIGGER recon_actions_keep_all BEFORE DELETE ON recon_actions BEGIN
    SELECT RAISE(ABORT, 'recon_actions: rows are never deleted');
END;

-- Work that one process at a time may do, and until when it has it (instant, milliseconds).
CREATE TABLE recon_leases (
    name  TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL CHECK (owner <> ''),
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
