-- What leaves: the actions that platforms are told to perform, and what came of telling them.

-- A row for each, written in the transaction of the decision that asks for it.
CREATE TABLE outbox (
    seq        INTEGER PRIMARY KEY,      -- in the order of the commits
    id         TEXT    NOT NULL UNIQUE,  -- follows from the decision: the receiver knows a repeat by it
    source     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,         -- as in decisions.subject
    decision   TEXT    NOT NULL,         -- decisions.id
    kind       TEXT    NOT NULL,         -- 'action'
    action     TEXT    NOT NULL,
    scope      TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'dead', 'erased')),
    attempts   INTEGER NOT NULL,         -- of the last round, once that has ended
    created_at INTEGER NOT NULL,
    ended_at   INTEGER,                  -- when it was delivered, given up or erased; NULL: pending
    sealed     BLOB    NOT NULL,         -- what is sent, as JSON; empty: there is nothing left to send
    why        BLOB                      -- sealed: why it was tried again last; NULL: it was not, or its subject was erased
) STRICT;

CREATE INDEX outbox_source       ON outbox (source);
CREATE INDEX outbox_state        ON outbox (state);
CREATE INDEX outbox_source_state ON outbox (source, state);
CREATE INDEX outbox_subject      ON outbox (source, subject);

-- Whose turn it is: a row for each that is pending. It follows from `outbox` but for the times, and a
-- lost one costs a repeat, so it is written without an audit entry. Of one subject only the first has
-- a time: the others wait for it.
CREATE TABLE delivery_claims (
    outbox     INTEGER PRIMARY KEY, -- outbox.seq
    source     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    attempts   INTEGER NOT NULL,    -- since it was written or replayed
    due_at     INTEGER,             -- while a server is at it: until when nobody else is
    claimed_by INTEGER              -- that server; NULL: none is at it
) STRICT;

CREATE INDEX delivery_claims_subject ON delivery_claims (source, subject, outbox);
CREATE INDEX delivery_claims_due     ON delivery_claims (source, due_at) WHERE due_at IS NOT NULL;

-- Each try, and what came of it; of one delivery the last ones.
CREATE TABLE delivery_attempts (
    seq     INTEGER PRIMARY KEY,
    outbox  INTEGER NOT NULL, -- outbox.seq
    at      INTEGER NOT NULL,
    outcome TEXT    NOT NULL,
    status  INTEGER,          -- of the answer; NULL: there was none
    micros  INTEGER NOT NULL,
    error   TEXT              -- nothing of what was sent or answered is in it
) STRICT;

CREATE INDEX delivery_attempts_outbox ON delivery_attempts (outbox);
