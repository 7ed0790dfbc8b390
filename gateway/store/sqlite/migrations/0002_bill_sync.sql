-- Bills that a platform has still to be told of (5954): new, changed and void ones, each once.
CREATE TABLE bill_sync (
    peer     TEXT NOT NULL,
    pay_code TEXT NOT NULL REFERENCES bills (pay_code),
    at       INTEGER NOT NULL,
    PRIMARY KEY (peer, pay_code)
) STRICT, WITHOUT ROWID;
