-- How long what is kept, and what is kept longer.

-- Subjects of whom nothing may go, whatever its age. A row stays when its hold ends.
CREATE TABLE holds (
    id           TEXT COLLATE "C" PRIMARY KEY,
    source       TEXT COLLATE "C" NOT NULL,
    subject      TEXT COLLATE "C" NOT NULL, -- keyed hash
    held_by      TEXT COLLATE "C" NOT NULL, -- id of the key
    held_at      BIGINT           NOT NULL,
    released_at  BIGINT,                   -- NULL: in force
    sealed       BYTEA            NOT NULL, -- the subject's name and why
    released_why BYTEA                      -- sealed: why it ended; NULL: it is in force, or its subject was erased
);

CREATE UNIQUE INDEX holds_in_force ON holds (source, subject) WHERE released_at IS NULL;
CREATE INDEX holds_subject ON holds (source, subject);

-- Ids of events that went because of their age: sent again, they are not decided again. Kept for ever, so
-- there is nothing in a row but the 16 bytes of the keyed hash.
CREATE TABLE spent_events (
    source   TEXT COLLATE "C" NOT NULL,
    event_id BYTEA            NOT NULL,
    PRIMARY KEY (source, event_id)
);

-- The oldest of each class, which go first.
CREATE INDEX decisions_allowed  ON decisions (decided_at) WHERE action = 'allow';
CREATE INDEX decisions_enforced ON decisions (decided_at) WHERE action <> 'allow';
