-- The audit log as a Merkle tree (RFC 6962): its head and its tiles, kept in the transaction of the
-- entries. Leaf n of the tree, from 0, is the entry with seq n + 1.

-- What these columns said stands in the entry itself, which is what is hashed.
ALTER TABLE audit DROP COLUMN at;
ALTER TABLE audit DROP COLUMN actor;
ALTER TABLE audit DROP COLUMN role;
ALTER TABLE audit DROP COLUMN what;

-- What the log says of a key's name is salted with this; NULL: made before, and it says the name.
ALTER TABLE keys ADD COLUMN salt BYTEA;

-- All that happened to one thing.
CREATE INDEX audit_object ON audit (object, seq);

-- All that is needed to add entries and to tell the root.
CREATE TABLE audit_head (
    id       BIGINT PRIMARY KEY CHECK (id = 1),
    size     BIGINT NOT NULL, -- entries
    frontier BYTEA  NOT NULL  -- roots of the largest complete subtrees from the left, 32 bytes each
);

INSERT INTO audit_head (id, size, frontier) VALUES (1, 0, '');

-- Full tiles as in https://c2sp.org/tlog-tiles. Those that are not full follow from the hashes of
-- entries, and at the higher levels from the roots of the tiles below.
CREATE TABLE audit_tiles (
    level  BIGINT NOT NULL,
    tile   BIGINT NOT NULL, -- from 0 within its level
    root   BYTEA  NOT NULL, -- of the tree over its hashes
    hashes BYTEA  NOT NULL CHECK (length(hashes) = 8192),
    PRIMARY KEY (level, tile)
);

CREATE TRIGGER audit_head_only_grows BEFORE UPDATE ON audit_head
FOR EACH ROW WHEN (NEW.id <> OLD.id OR NEW.size <= OLD.size)
EXECUTE FUNCTION audit_refuses('its head only grows');

CREATE TRIGGER audit_head_is_one BEFORE INSERT ON audit_head
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses('it has one head');

CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses('its head cannot be deleted');

CREATE TRIGGER audit_head_is_kept BEFORE TRUNCATE ON audit_head
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses('its head cannot be deleted');

CREATE TRIGGER audit_tiles_never_change BEFORE UPDATE ON audit_tiles
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses('a tile cannot be changed');

CREATE TRIGGER audit_tiles_never_shrink BEFORE DELETE ON audit_tiles
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses('a tile cannot be deleted');

CREATE TRIGGER audit_tiles_never_empty BEFORE TRUNCATE ON audit_tiles
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses('they cannot be emptied');

CREATE FUNCTION audit_tile_appends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.tile <> (SELECT coalesce(max(tile), -1) + 1 FROM audit_tiles WHERE level = NEW.level) THEN
        RAISE EXCEPTION 'the audit log is append-only: a tile can only be added at the end';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER audit_tiles_only_append BEFORE INSERT ON audit_tiles
FOR EACH ROW EXECUTE FUNCTION audit_tile_appends();
