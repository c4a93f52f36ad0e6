-- Reversals: all that a version caused in a span of time, overturned step by step. Each step is written with the
-- rulings that it makes, so a restart goes on where it stopped.

CREATE TABLE reversals (
    id           TEXT COLLATE "C" PRIMARY KEY,
    source       TEXT COLLATE "C" NOT NULL,
    cause        TEXT COLLATE "C" NOT NULL CHECK (cause IN ('detector', 'policy')),
    name         TEXT COLLATE "C" NOT NULL,
    version      TEXT COLLATE "C" NOT NULL,
    since        BIGINT           NOT NULL,
    until        BIGINT           NOT NULL,
    why          TEXT COLLATE "C" NOT NULL,
    asked_by     TEXT COLLATE "C" NOT NULL, -- keys.id
    asked_at     BIGINT           NOT NULL,
    reached      TEXT COLLATE "C" NOT NULL, -- decisions.id of the last one that was looked at
    seen         BIGINT           NOT NULL DEFAULT 0,
    overturned   BIGINT           NOT NULL DEFAULT 0,
    strikes      BIGINT           NOT NULL DEFAULT 0,
    restrictions BIGINT           NOT NULL DEFAULT 0,
    told         BIGINT           NOT NULL DEFAULT 0,
    ruled        BIGINT           NOT NULL DEFAULT 0,
    unclear      BIGINT           NOT NULL DEFAULT 0,
    ended_at     BIGINT                     -- NULL: it is under way
);

CREATE INDEX reversals_under_way ON reversals (id) WHERE ended_at IS NULL;
