-- Base data (基础数据) that banks and the platform are told -----------------------------------------

-- What a node was told of one kind, in the order of telling: the whole list, or changes to it.
CREATE TABLE base_data_batches (
    id          INTEGER PRIMARY KEY,
    batch_no    TEXT NOT NULL UNIQUE,
    peer        TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN
        ('accounts', 'regions', 'unit-accounts', 'units', 'items', 'clearing-banks')),
    number      TEXT NOT NULL,
    mode        TEXT NOT NULL CHECK (mode IN ('full', 'changes')),
    entries     INTEGER NOT NULL CHECK (entries > 0),
    packs       INTEGER NOT NULL CHECK (packs > 0),
    digest      TEXT NOT NULL CHECK (length(digest) = 64),
    made_by     TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN
        ('queued', 'sent', 'acknowledged', 'succeeded', 'partly', 'failed')),
    information TEXT NOT NULL,
    receipt_at  INTEGER NOT NULL, -- when 2952 came, 0 until then
    succeeded   INTEGER NOT NULL CHECK (succeeded >= 0),
    failed      INTEGER NOT NULL CHECK (failed >= 0),
    CHECK (succeeded + failed = CASE WHEN receipt_at = 0 THEN 0 ELSE entries END)
) STRICT;

CREATE INDEX base_data_batches_of_node ON base_data_batches (peer, kind, id);

-- Its packs, each a message of the outbox.
CREATE TABLE base_data_packs (
    batch_id  INTEGER NOT NULL REFERENCES base_data_batches (id),
    pack_no   INTEGER NOT NULL CHECK (pack_no > 0),
    outbox_id INTEGER NOT NULL UNIQUE,
    state     TEXT NOT NULL CHECK (state IN
        ('queued', 'sent', 'acknowledged', 'succeeded', 'failed')),
    PRIMARY KEY (batch_id, pack_no)
) STRICT, WITHOUT ROWID;

-- Its entries as they were told: what each said, as a digest; what 2952 said of it, '' for nothing.
CREATE TABLE base_data_lines (
    batch_id INTEGER NOT NULL REFERENCES base_data_batches (id),
    entry    TEXT NOT NULL,
    digest   TEXT NOT NULL,
    code     TEXT NOT NULL,
    message  TEXT NOT NULL,
    PRIMARY KEY (batch_id, entry)
) STRICT, WITHOUT ROWID;

CREATE INDEX base_data_lines_refused ON base_data_lines (batch_id) WHERE code NOT IN ('', '00000');
