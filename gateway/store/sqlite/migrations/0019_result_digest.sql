-- What a statement's sender was told last (5555, 5557, 5556) ----------------------------------------

-- SHA-256 of that result, '' before there was one: it is sent again only when it says otherwise.
ALTER TABLE statement_batches ADD COLUMN told TEXT NOT NULL DEFAULT '';
