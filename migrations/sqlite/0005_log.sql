-- The audit log as a Merkle tree (RFC 6962): its head and its tiles, kept in the transaction of the
-- entries. Leaf n of the tree, from 0, is the entry with seq n + 1.

-- What these columns said stands in the entry itself, which is what is hashed.
ALTER TABLE audit DROP COLUMN at;
ALTER TABLE audit DROP COLUMN actor;
ALTER TABLE audit DROP COLUMN role;
ALTER TABLE audit DROP COLUMN what;

-- What the log says of a key's name is salted with this; NULL: made before, and it says the name.
ALTER TABLE keys ADD COLUMN salt BLOB;

-- All that happened to one thing.
CREATE INDEX audit_object ON audit (object, seq);

-- All that is needed to add entries and to tell the root.
CREATE TABLE audit_head (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    size     INTEGER NOT NULL, -- entries
    frontier BLOB    NOT NULL  -- roots of the largest complete subtrees from the left, 32 bytes each
) STRICT;

INSERT INTO audit_head (id, size, frontier) VALUES (1, 0, x'');

-- Full tiles as in https://c2sp.org/tlog-tiles. Those that are not full follow from the hashes of
-- entries, and at the higher levels from the roots of the tiles below.
CREATE TABLE audit_tiles (
    level  INTEGER NOT NULL,
    tile   INTEGER NOT NULL, -- from 0 within its level
    root   BLOB    NOT NULL, -- of the tree over its hashes
    hashes BLOB    NOT NULL CHECK (length(hashes) = 8192),
    PRIMARY KEY (level, tile)
) STRICT;

CREATE TRIGGER audit_head_only_grows BEFORE UPDATE ON audit_head
WHEN NEW.id <> OLD.id OR NEW.size <= OLD.size
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only: its head only grows');
END;

CREATE TRIGGER audit_head_is_one BEFORE INSERT ON audit_head
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only: it has one head');
END;

CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only: its head cannot be deleted');
END;

CREATE TRIGGER audit_tiles_never_change BEFORE UPDATE ON audit_tiles
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only: a tile cannot be changed');
END;

CREATE TRIGGER audit_tiles_never_shrink BEFORE DELETE ON audit_tiles
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only: a tile cannot be deleted');
END;

-- Also refuses INSERT OR REPLACE, which deletes without firing the trigger above.
CREATE TRIGGER audit_tiles_only_append BEFORE INSERT ON audit_tiles
WHEN NEW.tile IS NOT
    (SELECT coalesce(max(tile), -1) + 1 FROM audit_tiles WHERE level = NEW.level)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only: a tile can only be added at the end');
END;
