-- What leaves: the actions that platforms are told to perform, and what came of telling them.

-- A row for each, written in the transaction of the decision that asks for it.
CREATE TABLE outbox (
    seq        BIGINT           PRIMARY KEY,      -- in the order of the commits
    id         TEXT COLLATE "C" NOT NULL UNIQUE,  -- follows from the decision: the receiver knows a repeat by it
    source     TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL,         -- as in decisions.subject
    decision   TEXT COLLATE "C" NOT NULL,         -- decisions.id
    kind       TEXT COLLATE "C" NOT NULL,         -- 'action'
    action     TEXT COLLATE "C" NOT NULL,
    scope      TEXT COLLATE "C" NOT NULL,
    state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'delivered', 'dead', 'erased')),
    attempts   BIGINT           NOT NULL,         -- of the last round, once that has ended
    created_at BIGINT           NOT NULL,
    ended_at   BIGINT,                            -- when it was delivered, given up or erased; NULL: pending
    sealed     BYTEA            NOT NULL,         -- what is sent, as JSON; empty: there is nothing left to send
    why        BYTEA                              -- sealed: why it was tried again last; NULL: it was not, or its subject was erased
);

CREATE INDEX outbox_source       ON outbox (source, seq);
CREATE INDEX outbox_state        ON outbox (state, seq);
CREATE INDEX outbox_source_state ON outbox (source, state, seq);
CREATE INDEX outbox_subject      ON outbox (source, subject);

-- Whose turn it is: a row for each that is pending. It follows from `outbox` but for the times, and a
-- lost one costs a repeat, so it is written without an audit entry. Of one subject only the first has
-- a time: the others wait for it.
CREATE TABLE delivery_claims (
    outbox     BIGINT           PRIMARY KEY, -- outbox.seq
    source     TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL,
    attempts   BIGINT           NOT NULL,    -- since it was written or replayed
    due_at     BIGINT,                       -- while a server is at it: until when nobody else is
    claimed_by BIGINT                        -- that server; NULL: none is at it
);

CREATE INDEX delivery_claims_subject ON delivery_claims (source, subject, outbox);
CREATE INDEX delivery_claims_due     ON delivery_claims (source, due_at) WHERE due_at IS NOT NULL;

-- Each try, and what came of it; of one delivery the last ones.
CREATE TABLE delivery_attempts (
    seq     BIGINT           PRIMARY KEY,
    outbox  BIGINT           NOT NULL, -- outbox.seq
    at      BIGINT           NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    status  BIGINT,                    -- of the answer; NULL: there was none
    micros  BIGINT           NOT NULL,
    error   TEXT COLLATE "C"           -- nothing of what was sent or answered is in it
);

CREATE INDEX delivery_attempts_outbox ON delivery_attempts (outbox, seq);
