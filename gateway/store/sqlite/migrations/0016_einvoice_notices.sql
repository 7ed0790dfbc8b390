-- Notices of e-invoices (通知) ---------------------------------------------------------------------

-- One row for each archived invoice, made with it: an invoice cannot be archived and forgotten.
CREATE TABLE einvoice_notices (
    seq        INTEGER PRIMARY KEY REFERENCES einvoice_archive (seq),
    code       TEXT NOT NULL,
    number     TEXT NOT NULL,
    claimed_by TEXT NOT NULL, -- the process that writes its files, '' nobody
    claimed_at INTEGER NOT NULL,
    done_at    INTEGER, -- its files were written
    files      INTEGER NOT NULL CHECK (files >= 0)
) STRICT;

CREATE INDEX einvoice_notices_waiting ON einvoice_notices (seq) WHERE done_at IS NULL;

INSERT INTO einvoice_notices (seq, code, number, claimed_by, claimed_at, done_at, files)
    SELECT seq, code, number, '', 0, NULL, 0 FROM einvoice_archive;

CREATE TRIGGER einvoice_notices_begin AFTER INSERT ON einvoice_archive BEGIN
    INSERT INTO einvoice_notices (seq, code, number, claimed_by, claimed_at, done_at, files)
        VALUES (NEW.seq, NEW.code, NEW.number, '', 0, NULL, 0);
END;

CREATE TRIGGER einvoice_notices_keep_done BEFORE UPDATE ON einvoice_notices
WHEN OLD.done_at IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'einvoice_notices: a notice is written once');
END;
