-- Stock (库存) of numbers: electronic invoices and paper bills ---------------------------------------

-- Applications (申领) upward: of finance (applicant '') to the body above it, of units to finance.
CREATE TABLE stock_applications (
    no         TEXT NOT NULL PRIMARY KEY,
    medium     TEXT NOT NULL CHECK (medium IN ('electronic', 'paper')),
    kind       TEXT NOT NULL CHECK (kind <> ''), -- BillTypeCode
    count      INTEGER NOT NULL CHECK (count > 0),
    applicant  TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('submitted', 'cancelled', 'refused', 'fulfilled')),
    delivered  INTEGER NOT NULL CHECK (delivered >= 0),
    made_by    TEXT NOT NULL,
    made_at    INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    reason     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER stock_applications_end BEFORE UPDATE ON stock_applications
WHEN OLD.state <> 'submitted' OR NEW.delivered < OLD.delivered OR NEW.count <> OLD.count
    OR NEW.medium <> OLD.medium OR NEW.kind <> OLD.kind OR NEW.applicant <> OLD.applicant BEGIN
    SELECT RAISE(ABORT, 'stock: an application that ended stays so');
END;

CREATE TRIGGER stock_applications_last BEFORE DELETE ON stock_applications BEGIN
    SELECT RAISE(ABORT, 'stock: an application is never deleted');
END;

-- Ranges (号段), each with one holder: '' is finance, else a unit. `path`: the units through whose
-- hands it came, the holder last. `next`: the first number that was not taken yet; paper numbers
-- are used in any order and stand in stock_uses. `code`: the invoice code, or the version of paper.
CREATE TABLE stock_ranges (
    id          INTEGER PRIMARY KEY,
    medium      TEXT NOT NULL CHECK (medium IN ('electronic', 'paper')),
    kind        TEXT NOT NULL CHECK (kind <> ''),
    code        TEXT NOT NULL CHECK (code <> ''),
    first       INTEGER NOT NULL CHECK (first > 0),
    last        INTEGER NOT NULL CHECK (last >= first AND last <= 9999999999),
    next        INTEGER NOT NULL CHECK (next >= first AND next <= last + 1),
    holder      TEXT NOT NULL,
    path        TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('received', 'stock', 'offered')),
    offered_to  TEXT NOT NULL,
    received_by TEXT NOT NULL,
    changed_at  INTEGER NOT NULL,
    UNIQUE (medium, kind, code, first),
    CHECK ((state = 'offered') = (offered_to <> '')),
    CHECK (state = 'stock' OR next = first),
    CHECK (medium = 'electronic' OR next = first),
    CHECK ((holder = '') = (path = ''))
) STRICT;

CREATE INDEX stock_ranges_held ON stock_ranges (holder, medium, kind, code, first);

-- No number lies in two ranges.
CREATE TRIGGER stock_ranges_apart BEFORE INSERT ON stock_ranges BEGIN
    SELECT RAISE(ABORT, 'stock: a number lies in one range') WHERE EXISTS (
        SELECT 1 FROM stock_ranges WHERE medium = NEW.medium AND code = NEW.code
        AND (medium = 'electronic' OR kind = NEW.kind)
        AND first <= NEW.last AND last >= NEW.first);
END;

CREATE TRIGGER stock_ranges_stay_apart BEFORE UPDATE ON stock_ranges
WHEN NEW.first < OLD.first OR NEW.last > OLD.last OR NEW.medium <> OLD.medium
    OR NEW.kind <> OLD.kind OR NEW.code <> OLD.code BEGIN
    SELECT RAISE(ABORT, 'stock: a range keeps what it is')
    WHERE NEW.medium <> OLD.medium OR NEW.kind <> OLD.kind OR NEW.code <> OLD.code;
    SELECT RAISE(ABORT, 'stock: a number lies in one range') WHERE EXISTS (
        SELECT 1 FROM stock_ranges WHERE medium = NEW.medium AND code = NEW.code
        AND (medium = 'electronic' OR kind = NEW.kind) AND id <> NEW.id
        AND first <= NEW.last AND last >= NEW.first);
END;

-- Numbers are taken one after the other, from stock alone, and never go back.
CREATE TRIGGER stock_ranges_taken BEFORE UPDATE ON stock_ranges WHEN NEW.next <> OLD.next
    AND NOT (OLD.next = OLD.first AND NEW.next = NEW.first AND NEW.first <> OLD.first) BEGIN
    SELECT RAISE(ABORT, 'stock: numbers are taken one after the other')
    WHERE NEW.next <> OLD.next + 1 OR OLD.state <> 'stock' OR NEW.state <> 'stock'
    OR OLD.holder = '' OR NEW.first <> OLD.first OR NEW.last <> OLD.last;
END;

-- What was used never moves: not what was taken, nor paper that was used, void or returned.
CREATE TRIGGER stock_ranges_used BEFORE UPDATE ON stock_ranges
WHEN NEW.holder <> OLD.holder OR NEW.state <> OLD.state OR NEW.path <> OLD.path BEGIN
    SELECT RAISE(ABORT, 'stock: only unused numbers move') WHERE NEW.next <> NEW.first
    OR (NEW.medium = 'paper' AND EXISTS (SELECT 1 FROM stock_uses WHERE kind = NEW.kind
        AND code = NEW.code AND number BETWEEN NEW.first AND NEW.last));
END;

CREATE TRIGGER stock_ranges_shrink BEFORE UPDATE ON stock_ranges
WHEN NEW.first > OLD.first AND OLD.next > OLD.first OR NEW.last < OLD.next - 1 BEGIN
    SELECT RAISE(ABORT, 'stock: what was taken stays in its range');
END;

CREATE TRIGGER stock_ranges_last BEFORE DELETE ON stock_ranges WHEN OLD.next > OLD.first BEGIN
    SELECT RAISE(ABORT, 'stock: what was taken stays in its range');
END;

-- Paper numbers that are not unused any more; no state leads back. `use`: of a bill (8995), or as
-- the receipt of a paid one (8998), '' for paper that was spoilt.
CREATE TABLE stock_uses (
    kind       TEXT NOT NULL,
    code       TEXT NOT NULL,
    number     INTEGER NOT NULL,
    holder     TEXT NOT NULL,
    unit_code  TEXT NOT NULL, -- for whom; not the holder where it was authorised (代开)
    state      TEXT NOT NULL CHECK (state IN ('used', 'void', 'returned', 'written_off')),
    use        TEXT NOT NULL CHECK (use IN ('', 'bill', 'receipt')),
    pay_code   TEXT NOT NULL,
    used_at    INTEGER NOT NULL,
    void_day   TEXT NOT NULL, -- '' while it is not void
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    reason     TEXT NOT NULL,
    PRIMARY KEY (kind, code, number),
    CHECK ((use = '') = (pay_code = '')),
    CHECK (state NOT IN ('void', 'returned') OR void_day <> '')
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX stock_uses_bill ON stock_uses (pay_code) WHERE use = 'bill';
CREATE UNIQUE INDEX stock_uses_receipt ON stock_uses (pay_code)
    WHERE use = 'receipt' AND void_day = '';
CREATE INDEX stock_uses_of_bill ON stock_uses (pay_code, use) WHERE pay_code <> '';
CREATE INDEX stock_uses_void ON stock_uses (holder, void_day) WHERE state = 'void';

CREATE TRIGGER stock_uses_held BEFORE INSERT ON stock_uses BEGIN
    SELECT RAISE(ABORT, 'stock: only a number of the stock can be used') WHERE NOT EXISTS (
        SELECT 1 FROM stock_ranges WHERE medium = 'paper' AND kind = NEW.kind AND code = NEW.code
        AND first <= NEW.number AND last >= NEW.number AND state = 'stock'
        AND holder = NEW.holder);
END;

CREATE TRIGGER stock_uses_final BEFORE UPDATE ON stock_uses BEGIN
    SELECT RAISE(ABORT, 'stock: a number that was used stays so')
    WHERE NEW.holder <> OLD.holder OR NEW.use <> OLD.use OR NEW.pay_code <> OLD.pay_code
    OR NEW.unit_code <> OLD.unit_code
    OR (OLD.void_day <> '' AND NEW.void_day <> OLD.void_day)
    OR NOT ((OLD.state = 'used' AND NEW.state IN ('void', 'written_off'))
        OR (OLD.state = 'void' AND NEW.state IN ('returned', 'written_off'))
        OR (OLD.state = 'returned' AND NEW.state = 'written_off'));
END;

CREATE TRIGGER stock_uses_last BEFORE DELETE ON stock_uses BEGIN
    SELECT RAISE(ABORT, 'stock: a number that was used stays so');
END;

-- Writing off (核销): one operator proposes, another decides.
CREATE TABLE stock_write_offs (
    no          TEXT NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL,
    code        TEXT NOT NULL,
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL CHECK (last >= first),
    holder      TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected')),
    reason      TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_at INTEGER NOT NULL,
    decided_by  TEXT NOT NULL,
    decided_at  INTEGER NOT NULL,
    CHECK ((state = 'proposed') = (decided_by = '')),
    CHECK (decided_by <> proposed_by)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER stock_write_offs_end BEFORE UPDATE ON stock_write_offs
WHEN OLD.state <> 'proposed' OR NEW.kind <> OLD.kind OR NEW.code <> OLD.code
    OR NEW.first <> OLD.first OR NEW.last <> OLD.last OR NEW.proposed_by <> OLD.proposed_by BEGIN
    SELECT RAISE(ABORT, 'stock: a decision stays so');
END;

-- Authorisations: an agent draws stock for a unit (代领, draw), or issues for it from the agent's
-- own stock (代开, issue). `kind` '' is every kind; `stop_date` '' is open.
CREATE TABLE stock_authorisations (
    no         TEXT NOT NULL PRIMARY KEY,
    scope      TEXT NOT NULL CHECK (scope IN ('draw', 'issue')),
    unit_code  TEXT NOT NULL CHECK (unit_code <> ''),
    agent      TEXT NOT NULL CHECK (agent <> '' AND agent <> unit_code),
    kind       TEXT NOT NULL,
    start_date TEXT NOT NULL CHECK (length(start_date) = 8),
    stop_date  TEXT NOT NULL CHECK (stop_date = '' OR stop_date >= start_date),
    granted_by TEXT NOT NULL,
    granted_at INTEGER NOT NULL,
    ended_by   TEXT NOT NULL,
    ended_at   INTEGER NOT NULL,
    reason     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX stock_authorisations_of_unit ON stock_authorisations (unit_code, scope);

-- Every step with numbers or application, operator, time and reason; never changed.
CREATE TABLE stock_steps (
    seq       INTEGER PRIMARY KEY CHECK (seq > 0),
    at        INTEGER NOT NULL,
    day       TEXT NOT NULL CHECK (length(day) = 8),
    step      TEXT NOT NULL,
    medium    TEXT NOT NULL,
    kind      TEXT NOT NULL,
    code      TEXT NOT NULL, -- '' of a step without numbers
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    holder    TEXT NOT NULL, -- who had them
    other     TEXT NOT NULL, -- who gets them, or for whom
    reference TEXT NOT NULL, -- application, write-off, authorisation or pay code
    operator  TEXT NOT NULL,
    reason    TEXT NOT NULL
) STRICT;

CREATE INDEX stock_steps_of_code ON stock_steps (medium, code, kind, seq);

CREATE TRIGGER stock_steps_follow BEFORE INSERT ON stock_steps BEGIN
    SELECT RAISE(ABORT, 'stock: steps are numbered without gaps')
    WHERE NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM stock_steps);
END;

CREATE TRIGGER stock_steps_stay BEFORE UPDATE ON stock_steps BEGIN
    SELECT RAISE(ABORT, 'stock: a step is never changed');
END;

CREATE TRIGGER stock_steps_last BEFORE DELETE ON stock_steps BEGIN
    SELECT RAISE(ABORT, 'stock: a step is never deleted');
END;

-- How many numbers of a holder became what on a civil day: the source of the statistics. A number
-- that becomes void after it was used leaves `used` (negative) and enters `void`.
CREATE TABLE stock_days (
    day     TEXT NOT NULL CHECK (length(day) = 8),
    holder  TEXT NOT NULL,
    medium  TEXT NOT NULL,
    kind    TEXT NOT NULL,
    code    TEXT NOT NULL,
    measure TEXT NOT NULL CHECK (measure IN ('received', 'recovered', 'distributed', 'returned',
        'used', 'void', 'turned_in', 'written_off')),
    count   INTEGER NOT NULL,
    PRIMARY KEY (holder, medium, kind, code, day, measure)
) STRICT, WITHOUT ROWID;
