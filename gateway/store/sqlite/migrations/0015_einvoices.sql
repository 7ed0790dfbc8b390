-- Fiscal e-invoices (财政电子票据) ------------------------------------------------------------------

-- Every number that was ever taken from stock, and what became of it; never taken again, never
-- deleted. A reserved one becomes issued or voided, and stays that.
CREATE TABLE einvoice_numbers (
    code        TEXT NOT NULL CHECK (length(code) = 8),
    number      TEXT NOT NULL CHECK (length(number) = 10),
    range_id    INTEGER NOT NULL,
    unit_code   TEXT NOT NULL,
    region      TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('reserved', 'issued', 'voided')),
    pay_code    TEXT NOT NULL, -- '' while only reserved (8999)
    reserved_by TEXT NOT NULL, -- node or operator
    reserved_at INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL CHECK (changed_at >= reserved_at),
    why         TEXT NOT NULL, -- of a voided one
    PRIMARY KEY (code, number),
    CHECK ((state = 'voided') = (why <> '')),
    CHECK (state <> 'issued' OR pay_code <> '')
) STRICT;

CREATE INDEX einvoice_numbers_reserved ON einvoice_numbers (reserved_at) WHERE state = 'reserved';
CREATE INDEX einvoice_numbers_by_number ON einvoice_numbers (number);

CREATE TRIGGER einvoice_numbers_keep_all BEFORE DELETE ON einvoice_numbers BEGIN
    SELECT RAISE(ABORT, 'einvoice_numbers: numbers are never deleted');
END;

CREATE TRIGGER einvoice_numbers_keep_fates BEFORE UPDATE ON einvoice_numbers
WHEN OLD.state <> 'reserved' BEGIN
    SELECT RAISE(ABORT, 'einvoice_numbers: a number has one fate');
END;

CREATE TRIGGER einvoice_numbers_keep_origins BEFORE UPDATE OF
    code, number, range_id, unit_code, region, reserved_by, reserved_at ON einvoice_numbers BEGIN
    SELECT RAISE(ABORT, 'einvoice_numbers: where a number came from is never changed');
END;

-- An invoice on its way: built (what is to be signed stands), unit_signed, countersigning (the
-- centre has it), archived; a blue one may be reversed later. An abandoned one was given up before
-- it was archived, and its number is voided.
CREATE TABLE einvoices (
    code           TEXT NOT NULL,
    number         TEXT NOT NULL,
    kind           TEXT NOT NULL CHECK (kind IN ('blue', 'red')),
    state          TEXT NOT NULL CHECK (state IN
        ('built', 'unit_signed', 'countersigning', 'archived', 'reversed', 'abandoned')),
    pay_code       TEXT NOT NULL REFERENCES bills (pay_code),
    payment_id     INTEGER NOT NULL,
    unit_code      TEXT NOT NULL,
    region         TEXT NOT NULL,
    payer_name     TEXT NOT NULL,
    amt            INTEGER NOT NULL,
    issue_date     TEXT NOT NULL CHECK (length(issue_date) = 8),
    issue_time     TEXT NOT NULL CHECK (length(issue_time) = 8), -- HH:MM:SS
    random         TEXT NOT NULL CHECK (length(random) = 6),
    related_code   TEXT NOT NULL, -- of a red one: the original's
    related_number TEXT NOT NULL,
    source         TEXT NOT NULL CHECK (source IN ('8981', 'held')), -- whose key signed for the unit
    actor          TEXT NOT NULL,
    reason         TEXT NOT NULL, -- of a red one
    email          TEXT NOT NULL, -- where the payer wants to be told
    telephone      TEXT NOT NULL,
    seal_picture   BLOB NOT NULL, -- PNG that the unit sent, empty for none
    signed         BLOB NOT NULL,
    unit_element   BLOB NOT NULL, -- empty until the unit has signed
    trade_id       TEXT NOT NULL, -- what the countersigner calls it
    created_at     INTEGER NOT NULL,
    changed_at     INTEGER NOT NULL,
    why            TEXT NOT NULL, -- of an abandoned one
    PRIMARY KEY (code, number),
    FOREIGN KEY (code, number) REFERENCES einvoice_numbers (code, number),
    CHECK ((kind = 'red') = (related_code <> '')),
    CHECK ((kind = 'red') = (amt < 0)),
    CHECK (kind = 'blue' OR (state <> 'reversed' AND reason <> '')),
    CHECK (unit_element <> x'' OR state IN ('built', 'abandoned')),
    CHECK ((state = 'abandoned') = (why <> ''))
) STRICT;

-- At most one living blue invoice of a bill, at most one red one of an original.
CREATE UNIQUE INDEX einvoices_living_blue ON einvoices (pay_code)
    WHERE kind = 'blue' AND state NOT IN ('reversed', 'abandoned');
CREATE UNIQUE INDEX einvoices_living_red ON einvoices (related_code, related_number)
    WHERE kind = 'red' AND state <> 'abandoned';
CREATE INDEX einvoices_of_bill ON einvoices (pay_code, created_at);
CREATE INDEX einvoices_under_way ON einvoices (created_at)
    WHERE state IN ('built', 'unit_signed', 'countersigning');
CREATE INDEX einvoices_by_date ON einvoices (issue_date, code, number);
CREATE INDEX einvoices_by_unit ON einvoices (unit_code, issue_date, code, number);

CREATE TRIGGER einvoices_keep_all BEFORE DELETE ON einvoices BEGIN
    SELECT RAISE(ABORT, 'einvoices: invoices are never deleted');
END;

CREATE TRIGGER einvoices_keep_contents BEFORE UPDATE OF
    code, number, kind, pay_code, payment_id, unit_code, region, payer_name, amt, issue_date,
    issue_time, random, related_code, related_number, source, actor, reason, signed, created_at
    ON einvoices BEGIN
    SELECT RAISE(ABORT, 'einvoices: what is signed is never changed');
END;

CREATE TRIGGER einvoices_keep_archived BEFORE UPDATE ON einvoices
WHEN OLD.state IN ('archived', 'reversed', 'abandoned')
    AND (OLD.state <> 'archived' OR NEW.state <> 'reversed' OR NEW.unit_element <> OLD.unit_element
        OR NEW.trade_id <> OLD.trade_id OR NEW.seal_picture <> OLD.seal_picture
        OR NEW.email <> OLD.email OR NEW.telephone <> OLD.telephone OR NEW.why <> OLD.why) BEGIN
    SELECT RAISE(ABORT, 'einvoices: an archived one is never changed');
END;

-- The documents as they are handed out, each row's hash made over the row before it.
CREATE TABLE einvoice_archive (
    seq         INTEGER PRIMARY KEY,
    code        TEXT NOT NULL,
    number      TEXT NOT NULL,
    archived_at INTEGER NOT NULL,
    document    BLOB NOT NULL,
    sha256      TEXT NOT NULL CHECK (length(sha256) = 64),
    prev_hash   TEXT NOT NULL,
    hash        TEXT NOT NULL,
    UNIQUE (code, number),
    FOREIGN KEY (code, number) REFERENCES einvoices (code, number)
) STRICT;

-- Number and hash of the last document, so that a tail that was cut off is seen.
CREATE TABLE einvoice_archive_head (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    seq  INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;

INSERT INTO einvoice_archive_head (only, seq, hash) VALUES
    (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

CREATE TRIGGER einvoice_archive_continues BEFORE INSERT ON einvoice_archive BEGIN
    SELECT RAISE(ABORT, 'einvoice_archive: a row must continue the chain') WHERE NOT EXISTS (
        SELECT 1 FROM einvoice_archive_head WHERE seq = NEW.seq - 1 AND hash = NEW.prev_hash);
    UPDATE einvoice_archive_head SET seq = NEW.seq, hash = NEW.hash WHERE only = 1;
END;

CREATE TRIGGER einvoice_archive_keeps_rows BEFORE UPDATE ON einvoice_archive BEGIN
    SELECT RAISE(ABORT, 'einvoice_archive: documents are never changed');
END;

CREATE TRIGGER einvoice_archive_keeps_all BEFORE DELETE ON einvoice_archive BEGIN
    SELECT RAISE(ABORT, 'einvoice_archive: documents are never deleted');
END;

CREATE TRIGGER einvoice_archive_head_stays BEFORE DELETE ON einvoice_archive_head BEGIN
    SELECT RAISE(ABORT, 'einvoice_archive: the head is never deleted');
END;

-- What happened to each number and its invoice, in order.
CREATE TABLE einvoice_events (
    id     INTEGER PRIMARY KEY,
    code   TEXT NOT NULL,
    number TEXT NOT NULL,
    at     INTEGER NOT NULL,
    event  TEXT NOT NULL CHECK (event <> ''),
    actor  TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

CREATE INDEX einvoice_events_of ON einvoice_events (code, number, id);

CREATE TRIGGER einvoice_events_keep_rows BEFORE UPDATE ON einvoice_events BEGIN
    SELECT RAISE(ABORT, 'einvoice_events: rows are never changed');
END;

CREATE TRIGGER einvoice_events_keep_all BEFORE DELETE ON einvoice_events BEGIN
    SELECT RAISE(ABORT, 'einvoice_events: rows are never deleted');
END;
