-- Transfers and arrivals (划转与到账) ---------------------------------------------------------------

-- A batch of collected payments that its bank moved to another bank (2613). It is `sent` until the
-- money is reported as arrived; `cancelled` by an operator when the money came back.
CREATE TABLE transfers (
    id            INTEGER PRIMARY KEY,
    src           TEXT NOT NULL,
    batch_no      TEXT NOT NULL,
    tra_date      TEXT NOT NULL CHECK (length(tra_date) = 8),
    tra_no        TEXT NOT NULL,
    payer_name    TEXT NOT NULL,
    payer_acct    TEXT NOT NULL,
    rec_acct_type TEXT NOT NULL,
    rec_name      TEXT NOT NULL,
    rec_acct      TEXT NOT NULL,
    rec_op_bk     TEXT NOT NULL,
    rec_op_bk_no  TEXT NOT NULL,
    amt           INTEGER NOT NULL CHECK (amt > 0 AND amt <= 1000000000000000),
    count         INTEGER NOT NULL CHECK (count > 0),
    state         TEXT NOT NULL CHECK (state IN ('sent', 'arrived', 'cancelled')),
    received_at   INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    UNIQUE (src, batch_no),
    UNIQUE (src, tra_no)
) STRICT;

CREATE INDEX transfers_under_way ON transfers (batch_no) WHERE state = 'sent';

CREATE TABLE transfer_details (
    transfer_id INTEGER NOT NULL REFERENCES transfers (id),
    line        INTEGER NOT NULL CHECK (line > 0),
    payment_id  INTEGER NOT NULL REFERENCES payments (id),
    living      INTEGER NOT NULL CHECK (living IN (0, 1)),
    PRIMARY KEY (transfer_id, line)
) STRICT, WITHOUT ROWID;

-- A payment is in at most one living batch: one that is not cancelled.
CREATE UNIQUE INDEX transfer_details_living ON transfer_details (payment_id) WHERE living = 1;

-- Money that was reported as arrived, each transfer once whatever message told of it. What it was
-- identified by stands in exactly one of: a batch, a line of a clearing instruction, a payment.
CREATE TABLE arrivals (
    id            INTEGER PRIMARY KEY,
    kind          TEXT NOT NULL CHECK (kind IN ('2615', '2616', '2619', '2557')),
    src           TEXT NOT NULL,
    tra_no        TEXT NOT NULL,
    arr_date      TEXT NOT NULL CHECK (length(arr_date) = 8),
    arr_time      TEXT NOT NULL,
    batch_no      TEXT NOT NULL,
    pay_code      TEXT NOT NULL,
    rec_acct_type TEXT NOT NULL,
    rec_name      TEXT NOT NULL,
    rec_acct      TEXT NOT NULL,
    payer_name    TEXT NOT NULL,
    payer_acct    TEXT NOT NULL,
    payer_op_bk   TEXT NOT NULL,
    amt           INTEGER NOT NULL CHECK (amt > 0 AND amt <= 1000000000000000),
    add_word      TEXT NOT NULL,
    received_at   INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN
        ('unidentified', 'identified', 'claimed', 'returned')),
    why           TEXT NOT NULL,
    transfer_id   INTEGER REFERENCES transfers (id),
    instr_no      TEXT NOT NULL,
    instr_line    INTEGER,
    payment_id    INTEGER REFERENCES payments (id),
    UNIQUE (src, tra_no),
    CHECK ((transfer_id IS NOT NULL) + (instr_no <> '') + (payment_id IS NOT NULL)
        = (state IN ('identified', 'claimed'))),
    CHECK ((instr_no = '') = (instr_line IS NULL)),
    CHECK (state <> 'claimed' OR payment_id IS NOT NULL)
) STRICT;

-- Money has one end: a batch, a line of an instruction and a payment each have arrived once.
CREATE UNIQUE INDEX arrivals_of_transfer ON arrivals (transfer_id) WHERE transfer_id IS NOT NULL;
CREATE UNIQUE INDEX arrivals_of_instruction ON arrivals (instr_no, instr_line) WHERE instr_no <> '';
CREATE UNIQUE INDEX arrivals_of_payment ON arrivals (payment_id) WHERE payment_id IS NOT NULL;
-- Unidentified money (未明资金), by age, by what it named.
CREATE INDEX arrivals_unidentified ON arrivals (arr_date, id) WHERE state = 'unidentified';
CREATE INDEX arrivals_of_batch ON arrivals (batch_no)
    WHERE state = 'unidentified' AND batch_no <> '';
CREATE INDEX arrivals_of_bill ON arrivals (pay_code)
    WHERE state = 'unidentified' AND pay_code <> '';

-- What was done about unidentified money after it came, by whom and why.
CREATE TABLE arrival_actions (
    id         INTEGER PRIMARY KEY,
    arrival_id INTEGER NOT NULL REFERENCES arrivals (id),
    action     TEXT NOT NULL CHECK (action IN ('identified', 'claimed', 'returned')),
    actor      TEXT NOT NULL,
    reason     TEXT NOT NULL,
    pay_code   TEXT NOT NULL,
    at         INTEGER NOT NULL
) STRICT;

CREATE INDEX arrival_actions_of_arrival ON arrival_actions (arrival_id);

CREATE TRIGGER arrival_actions_keep_rows BEFORE UPDATE ON arrival_actions BEGIN
    SELECT RAISE(ABORT, 'arrival_actions: rows are never changed');
END;

CREATE TRIGGER arrival_actions_keep_all BEFORE DELETE ON arrival_actions BEGIN
    SELECT RAISE(ABORT, 'arrival_actions: rows are never deleted');
END;

-- Numbers of virtual accounts whose bill may run out, by the day after which they are free.
CREATE INDEX virtual_accounts_expiring ON virtual_accounts (free_after)
    WHERE state = 'allocated' AND free_after <> '';

-- Supervised unit accounts (单位监管账户): a day's movements and balance, as the bank told them first.
CREATE TABLE supervised_balances (
    id          INTEGER PRIMARY KEY,
    src         TEXT NOT NULL,
    check_date  TEXT NOT NULL CHECK (length(check_date) = 8),
    acct_no     TEXT NOT NULL,
    region      TEXT NOT NULL,
    unit_code   TEXT NOT NULL,
    begin_bal   INTEGER NOT NULL,
    in_amt      INTEGER NOT NULL CHECK (in_amt >= 0),
    out_amt     INTEGER NOT NULL CHECK (out_amt >= 0),
    end_bal     INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    UNIQUE (src, acct_no, check_date),
    CHECK (begin_bal + in_amt - out_amt = end_bal)
) STRICT;

CREATE TABLE supervised_lines (
    balance_id INTEGER NOT NULL REFERENCES supervised_balances (id),
    line       INTEGER NOT NULL CHECK (line > 0),
    tra_no     TEXT NOT NULL,
    dc_flag    TEXT NOT NULL CHECK (dc_flag IN ('1', '2')),
    amt        INTEGER NOT NULL CHECK (amt >= 0),
    opp_name   TEXT NOT NULL,
    add_word   TEXT NOT NULL,
    PRIMARY KEY (balance_id, line)
) STRICT, WITHOUT ROWID;
