-- Reversals: all that a version caused in a span of time, overturned step by step. Each step is written with the
-- rulings that it makes, so a restart goes on where it stopped.

CREATE TABLE reversals (
    id           TEXT    PRIMARY KEY,
    source       TEXT    NOT NULL,
    cause        TEXT    NOT NULL CHECK (cause IN ('detector', 'policy')),
    name         TEXT    NOT NULL,
    version      TEXT    NOT NULL,
    since        INTEGER NOT NULL,
    until        INTEGER NOT NULL,
    why          TEXT    NOT NULL,
    asked_by     TEXT    NOT NULL, -- keys.id
    asked_at     INTEGER NOT NULL,
    reached      TEXT    NOT NULL, -- decisions.id of the last one that was looked at
    seen         INTEGER NOT NULL DEFAULT 0,
    overturned   INTEGER NOT NULL DEFAULT 0,
    strikes      INTEGER NOT NULL DEFAULT 0,
    restrictions INTEGER NOT NULL DEFAULT 0,
    told         INTEGER NOT NULL DEFAULT 0,
    ruled        INTEGER NOT NULL DEFAULT 0,
    unclear      INTEGER NOT NULL DEFAULT 0,
    ended_at     INTEGER           -- NULL: it is under way
) STRICT;

CREATE INDEX reversals_under_way ON reversals (id) WHERE ended_at IS NULL;
