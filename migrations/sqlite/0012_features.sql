-- What detectors may know about the past: which inputs about it are declared, and for each of these the
-- events that it may count. Derived: what is here can be made again from the events that are kept.

CREATE TABLE features (
    definition BLOB PRIMARY KEY,  -- 16 bytes: a digest of `source` and `input`
    source     TEXT NOT NULL, -- whose events are looked at
    input      TEXT NOT NULL, -- as a manifest declares it
    since      INTEGER NOT NULL, -- when it was declared, or was no longer
    filled     TEXT NOT NULL, -- a decision's id: events up to that are here, of later ones those that were decided meanwhile
    told       INTEGER NOT NULL CHECK (told IN (0, 1)) -- 1: there is no gap, so detectors may be told
) STRICT, WITHOUT ROWID;

-- One row for each event and definition. Written with the event; dropped when nothing can look so far back.
CREATE TABLE observations (
    definition BLOB NOT NULL,
    entity     BLOB NOT NULL, -- 16 bytes: a keyed hash of source, path and what stands there
    at         INTEGER NOT NULL, -- when it happened, but not later than when it was received
    decision   TEXT NOT NULL,    -- decisions.id
    personal   INTEGER NOT NULL CHECK (personal IN (0, 1)), -- 1: it goes with its subject; 0: it stays, and names nobody
    value      BLOB,          -- where values are told apart: 16 bytes, a keyed hash
    number     REAL,             -- where they are added up
    PRIMARY KEY (definition, entity, at, decision)
) STRICT, WITHOUT ROWID;

CREATE INDEX observations_at       ON observations (definition, at);
CREATE INDEX observations_decision ON observations (decision);
