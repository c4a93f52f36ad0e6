-- How subjects stand: strikes and restrictions. Both follow from decisions. A ledger belongs to a mode, so
-- that what shadow mode would have counted never counts in earnest.

-- At most one per decision, so an event gives one however often it is sent.
CREATE TABLE strikes (
    decision   TEXT    PRIMARY KEY, -- decisions.id
    source     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,    -- as in decisions.subject
    ledger     TEXT    NOT NULL CHECK (ledger IN ('shadow', 'active')),
    number     INTEGER NOT NULL,    -- which of those that counted then
    given_at   INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,    -- from then on it counts no more
    revoked_at INTEGER              -- NULL: it was not
) STRICT;

-- Counting them needs no more than this.
CREATE INDEX strikes_subject ON strikes (source, subject, ledger, expires_at, revoked_at);
CREATE INDEX strikes_expired ON strikes (expires_at);

-- Account-level actions that last.
CREATE TABLE restrictions (
    decision   TEXT    PRIMARY KEY, -- decisions.id
    source     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,    -- as in decisions.subject
    ledger     TEXT    NOT NULL CHECK (ledger IN ('shadow', 'active')),
    action     TEXT    NOT NULL,
    since      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,    -- from then on it is no more; the greatest number: until it is lifted
    lifted_at  INTEGER              -- NULL: it was not
) STRICT;

CREATE INDEX restrictions_subject ON restrictions (source, subject, ledger, action, expires_at, lifted_at);
CREATE INDEX restrictions_expired ON restrictions (expires_at);
