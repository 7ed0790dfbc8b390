-- What a malformed 2612 was about --------------------------------------------------------------

-- The identity of a refused payment, as far as its fields could be read; '' where they could not.
-- Its sender has given the money back: reconciliation asks for it.
ALTER TABLE inbox ADD COLUMN cfm_date TEXT NOT NULL DEFAULT '';
ALTER TABLE inbox ADD COLUMN tra_no TEXT NOT NULL DEFAULT '';
ALTER TABLE inbox ADD COLUMN pay_code TEXT NOT NULL DEFAULT '';

CREATE INDEX inbox_of_payment ON inbox (peer, tra_no) WHERE tra_no <> '';

DROP TRIGGER inbox_keeps_what_came;
CREATE TRIGGER inbox_keeps_what_came BEFORE UPDATE OF
    peer, number, msg_id, msg_ref, work_date, received_at, result, information, form, size, digest,
    content, cfm_date, tra_no, pay_code ON inbox BEGIN
    SELECT RAISE(ABORT, 'inbox: what came is never changed');
END;
