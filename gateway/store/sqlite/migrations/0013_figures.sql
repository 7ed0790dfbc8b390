-- Daily figures (非税收入日报, 非税暂存日报) ------------------------------------------------------

-- What no daily figure has yet.
ALTER TABLE income ADD COLUMN figured INTEGER NOT NULL DEFAULT 0 CHECK (figured IN (0, 1));
CREATE INDEX income_unfigured ON income (payment_id) WHERE figured = 0;

-- Days of figures. A day is `closing` while its movements are entered; once closed it stays so.
-- `corrections`: the last correction that its opening contains. `payments_from`: payments below
-- this id are all entered.
CREATE TABLE figure_days (
    day            TEXT NOT NULL PRIMARY KEY CHECK (length(day) = 8),
    state          TEXT NOT NULL CHECK (state IN ('closing', 'closed')),
    started_at     INTEGER NOT NULL,
    closed_at      INTEGER NOT NULL,
    closed_by      TEXT NOT NULL,
    income_count   INTEGER NOT NULL,
    income_amt     INTEGER NOT NULL,
    income_digest  TEXT NOT NULL,
    deposit_count  INTEGER NOT NULL,
    deposit_amt    INTEGER NOT NULL,
    deposit_digest TEXT NOT NULL,
    corrections    INTEGER NOT NULL,
    payments_from  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX figure_days_closed ON figure_days (day) WHERE state = 'closed';

CREATE TABLE figure_rows (
    day              TEXT NOT NULL REFERENCES figure_days (day),
    category         TEXT NOT NULL CHECK (category IN ('settling', 'returning', 'unidentified')),
    region           TEXT NOT NULL,
    unit_code        TEXT NOT NULL,
    item_code        TEXT NOT NULL,
    fund_nature      TEXT NOT NULL,
    account          TEXT NOT NULL,
    unit_name        TEXT NOT NULL,
    item_name        TEXT NOT NULL,
    account_name     TEXT NOT NULL,
    opening          INTEGER NOT NULL,
    collected        INTEGER NOT NULL,
    confirmed        INTEGER NOT NULL,
    refunded         INTEGER NOT NULL,
    claimed          INTEGER NOT NULL,
    income_refunded  INTEGER NOT NULL,
    movements        INTEGER NOT NULL CHECK (movements >= 0),
    income_movements INTEGER NOT NULL CHECK (income_movements >= 0),
    PRIMARY KEY (day, category, region, unit_code, item_code, fund_nature, account)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER figure_days_follow BEFORE INSERT ON figure_days BEGIN
    SELECT RAISE(ABORT, 'figures: a day before a closed one is not closed again') WHERE EXISTS (
        SELECT 1 FROM figure_days WHERE state = 'closed' AND day >= NEW.day);
END;

CREATE TRIGGER figure_days_stay BEFORE UPDATE ON figure_days WHEN OLD.state = 'closed' BEGIN
    SELECT RAISE(ABORT, 'figures: a closed day is never changed');
END;

CREATE TRIGGER figure_days_last BEFORE DELETE ON figure_days BEGIN
    SELECT RAISE(ABORT, 'figures: a day is never deleted');
END;

CREATE TRIGGER figure_rows_enter BEFORE INSERT ON figure_rows BEGIN
    SELECT RAISE(ABORT, 'figures: rows of a closed day are never changed') WHERE EXISTS (
        SELECT 1 FROM figure_days WHERE day = NEW.day AND state = 'closed');
END;

CREATE TRIGGER figure_rows_stay BEFORE UPDATE ON figure_rows BEGIN
    SELECT RAISE(ABORT, 'figures: rows of a closed day are never changed') WHERE OLD.day <> NEW.day
    OR EXISTS (SELECT 1 FROM figure_days WHERE day = OLD.day AND state = 'closed');
END;

CREATE TRIGGER figure_rows_last BEFORE DELETE ON figure_rows BEGIN
    SELECT RAISE(ABORT, 'figures: rows are never deleted');
END;

-- What has been entered, each once: payments, succeeded refunds, unidentified arrivals and their
-- ends. `detail` of a payment: how it was spread over items, for what follows from it.
CREATE TABLE figure_sources (
    kind   TEXT NOT NULL CHECK (kind IN ('payment', 'refund', 'arrival', 'arrival-end')),
    source TEXT NOT NULL,
    day    TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (kind, source)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER figure_sources_stay BEFORE UPDATE ON figure_sources BEGIN
    SELECT RAISE(ABORT, 'figures: what was entered stays so');
END;

CREATE TRIGGER figure_sources_last BEFORE DELETE ON figure_sources BEGIN
    SELECT RAISE(ABORT, 'figures: what was entered stays so');
END;

-- What was found out about a closed day afterwards, numbered without gaps, never changed.
CREATE TABLE figure_corrections (
    no           INTEGER PRIMARY KEY CHECK (no > 0),
    day          TEXT NOT NULL,
    category     TEXT NOT NULL CHECK (category IN ('settling', 'returning', 'unidentified')),
    region       TEXT NOT NULL,
    unit_code    TEXT NOT NULL,
    item_code    TEXT NOT NULL,
    fund_nature  TEXT NOT NULL,
    account      TEXT NOT NULL,
    unit_name    TEXT NOT NULL,
    item_name    TEXT NOT NULL,
    account_name TEXT NOT NULL,
    measure      TEXT NOT NULL CHECK (measure IN
        ('collected', 'confirmed', 'refunded', 'claimed', 'income_refunded')),
    amt          INTEGER NOT NULL,
    cause        TEXT NOT NULL,
    reference    TEXT NOT NULL,
    found_on     TEXT NOT NULL CHECK (length(found_on) = 8),
    found_at     INTEGER NOT NULL,
    found_by     TEXT NOT NULL
) STRICT;

CREATE INDEX figure_corrections_of_day ON figure_corrections (day, no);

CREATE TRIGGER figure_corrections_follow BEFORE INSERT ON figure_corrections BEGIN
    SELECT RAISE(ABORT, 'figures: corrections are numbered without gaps')
    WHERE NEW.no <> (SELECT coalesce(max(no), 0) + 1 FROM figure_corrections);
    SELECT RAISE(ABORT, 'figures: only a closed day is corrected') WHERE NOT EXISTS (
        SELECT 1 FROM figure_days WHERE state = 'closed' AND day >= NEW.day);
END;

CREATE TRIGGER figure_corrections_stay BEFORE UPDATE ON figure_corrections BEGIN
    SELECT RAISE(ABORT, 'figures: a correction is never changed');
END;

CREATE TRIGGER figure_corrections_last BEFORE DELETE ON figure_corrections BEGIN
    SELECT RAISE(ABORT, 'figures: a correction is never deleted');
END;

-- Posting files for the general ledger (机制凭证), numbered without gaps; what they say is kept as it
-- was written, so that they can be sent again byte for byte.
CREATE TABLE posting_files (
    no           INTEGER PRIMARY KEY CHECK (no > 0),
    template_set TEXT NOT NULL CHECK (template_set <> ''),
    day          TEXT NOT NULL REFERENCES figure_days (day),
    made_at      INTEGER NOT NULL,
    made_by      TEXT NOT NULL,
    lines        INTEGER NOT NULL CHECK (lines >= 0),
    debit        INTEGER NOT NULL,
    credit       INTEGER NOT NULL,
    digest       TEXT NOT NULL CHECK (length(digest) = 64),
    document     TEXT NOT NULL,
    sheet        TEXT NOT NULL,
    acked_at     INTEGER NOT NULL,
    acked_by     TEXT NOT NULL,
    ack_note     TEXT NOT NULL,
    UNIQUE (template_set, day),
    CHECK (debit = credit),
    CHECK ((acked_at = 0) = (acked_by = ''))
) STRICT;

CREATE TRIGGER posting_files_follow BEFORE INSERT ON posting_files BEGIN
    SELECT RAISE(ABORT, 'postings: files are numbered without gaps')
    WHERE NEW.no <> (SELECT coalesce(max(no), 0) + 1 FROM posting_files);
    SELECT RAISE(ABORT, 'postings: only a closed day is posted') WHERE NOT EXISTS (
        SELECT 1 FROM figure_days WHERE day = NEW.day AND state = 'closed');
END;

CREATE TRIGGER posting_files_stay BEFORE UPDATE ON posting_files
WHEN OLD.acked_at <> 0 OR NEW.no <> OLD.no OR NEW.template_set <> OLD.template_set
    OR NEW.day <> OLD.day OR NEW.made_at <> OLD.made_at OR NEW.made_by <> OLD.made_by
    OR NEW.lines <> OLD.lines OR NEW.debit <> OLD.debit OR NEW.digest <> OLD.digest
    OR NEW.document <> OLD.document OR NEW.sheet <> OLD.sheet BEGIN
    SELECT RAISE(ABORT, 'postings: a file is never changed, and acknowledged once');
END;

CREATE TRIGGER posting_files_last BEFORE DELETE ON posting_files BEGIN
    SELECT RAISE(ABORT, 'postings: a file is never deleted');
END;
