-- Inbox (问题凭证): authentic messages that could not be read ---------------------------------------

-- A message whose MAC was good and that was refused as malformed. What came is sealed, for it may
-- hold anything; of a large one only its digest and size are kept. The same bytes from the same
-- node are one row, with the number of copies.
CREATE TABLE inbox (
    id           INTEGER PRIMARY KEY,
    peer         TEXT NOT NULL,
    number       TEXT NOT NULL CHECK (length(number) = 4 AND number <> '2003'),
    msg_id       TEXT NOT NULL,
    msg_ref      TEXT NOT NULL,
    work_date    TEXT NOT NULL,
    received_at  INTEGER NOT NULL,
    last_at      INTEGER NOT NULL CHECK (last_at >= received_at),
    copies       INTEGER NOT NULL CHECK (copies > 0),
    result       TEXT NOT NULL CHECK (length(result) = 5), -- what it was answered
    information  TEXT NOT NULL,
    form         TEXT NOT NULL CHECK (form IN ('voucher', 'base64', 'document')),
    size         INTEGER NOT NULL CHECK (size >= 0),
    digest       TEXT NOT NULL CHECK (length(digest) = 64),
    content      TEXT NOT NULL, -- sealed, '' where it was too large
    state        TEXT NOT NULL CHECK (state IN ('new', 'proposed', 'accepted', 'dropped')),
    changed_at   INTEGER NOT NULL,
    proposer     TEXT NOT NULL,
    reason       TEXT NOT NULL, -- of the proposal, or of the drop
    proposal     INTEGER NOT NULL CHECK (proposal >= 0), -- id in inbox_actions, 0 for none
    accepter     TEXT NOT NULL,
    outcome      TEXT NOT NULL, -- result of processing the proposal, '' before
    outcome_text TEXT NOT NULL,
    replayed     INTEGER NOT NULL CHECK (replayed IN (0, 1)), -- it had been done before
    UNIQUE (peer, number, digest),
    CHECK (state NOT IN ('proposed', 'accepted') OR (proposer <> '' AND proposal > 0)),
    CHECK ((state = 'accepted') = (accepter <> '')),
    CHECK (accepter = '' OR (lower(accepter) <> lower(proposer) AND outcome = '00000'))
) STRICT;

-- Those that somebody has to look at, by node; the others by state.
CREATE INDEX inbox_open ON inbox (peer, id) WHERE state IN ('new', 'proposed');
CREATE INDEX inbox_by_state ON inbox (state, id);

-- What came is never changed and never deleted.
CREATE TRIGGER inbox_keeps_what_came BEFORE UPDATE OF
    peer, number, msg_id, msg_ref, work_date, received_at, result, information, form, size, digest,
    content ON inbox BEGIN
    SELECT RAISE(ABORT, 'inbox: what came is never changed');
END;

CREATE TRIGGER inbox_keeps_all BEFORE DELETE ON inbox BEGIN
    SELECT RAISE(ABORT, 'inbox: rows are never deleted');
END;

-- What people did about it. A proposal has its voucher (sealed) and the voucher's digest; an
-- acceptance what the message was answered then, also where that was a refusal.
CREATE TABLE inbox_actions (
    id          INTEGER PRIMARY KEY,
    inbox_id    INTEGER NOT NULL REFERENCES inbox (id),
    action      TEXT NOT NULL CHECK (action IN ('export', 'propose', 'accept', 'drop')),
    actor       TEXT NOT NULL CHECK (actor <> ''),
    reason      TEXT NOT NULL,
    voucher     TEXT NOT NULL,
    digest      TEXT NOT NULL,
    result      TEXT NOT NULL,
    information TEXT NOT NULL,
    at          INTEGER NOT NULL,
    CHECK ((action = 'propose') = (voucher <> '')),
    CHECK ((action = 'accept') = (result <> ''))
) STRICT;

CREATE INDEX inbox_actions_of_message ON inbox_actions (inbox_id, id);

CREATE TRIGGER inbox_actions_keep_rows BEFORE UPDATE ON inbox_actions BEGIN
    SELECT RAISE(ABORT, 'inbox_actions: rows are never changed');
END;

CREATE TRIGGER inbox_actions_keep_all BEFORE DELETE ON inbox_actions BEGIN
    SELECT RAISE(ABORT, 'inbox_actions: rows are never deleted');
END;
