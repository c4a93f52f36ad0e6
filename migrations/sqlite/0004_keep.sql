-- How long what is kept, and what is kept longer.

-- Subjects of whom nothing may go, whatever its age. A row stays when its hold ends.
CREATE TABLE holds (
    id           TEXT    PRIMARY KEY,
    source       TEXT    NOT NULL,
    subject      TEXT    NOT NULL, -- keyed hash
    held_by      TEXT    NOT NULL, -- id of the key
    held_at      INTEGER NOT NULL,
    released_at  INTEGER,          -- NULL: in force
    sealed       BLOB    NOT NULL, -- the subject's name and why
    released_why BLOB              -- sealed: why it ended; NULL: it is in force, or its subject was erased
) STRICT;

CREATE UNIQUE INDEX holds_in_force ON holds (source, subject) WHERE released_at IS NULL;
CREATE INDEX holds_subject ON holds (source, subject);

-- Ids of events that went because of their age: sent again, they are not decided again. Kept for ever, so
-- there is nothing in a row but the 16 bytes of the keyed hash: 35 bytes on the disk.
CREATE TABLE spent_events (
    source   TEXT NOT NULL,
    event_id BLOB NOT NULL,
    PRIMARY KEY (source, event_id)
) STRICT, WITHOUT ROWID;

-- The oldest of each class, which go first.
CREATE INDEX decisions_allowed  ON decisions (decided_at) WHERE action = 'allow';
CREATE INDEX decisions_enforced ON decisions (decided_at) WHERE action <> 'allow';
