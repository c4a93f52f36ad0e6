-- Cases: what people look into about one account and one matter.

CREATE TABLE cases (
    id        TEXT COLLATE "C" PRIMARY KEY, -- that of the decision that opened it
    source    TEXT COLLATE "C" NOT NULL,
    subject   TEXT COLLATE "C" NOT NULL,    -- as in decisions.subject
    matter    TEXT COLLATE "C" NOT NULL,    -- a word of the policy's rule
    state     TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'resolved', 'overturned')),
    decisions BIGINT           NOT NULL,    -- how many are in it
    score     BIGINT           NOT NULL CHECK (score BETWEEN 0 AND 1000000), -- millionths: the highest of its decisions
    severity  BIGINT           NOT NULL,    -- of the most severe of its actions: the number of that among all
    opened_at BIGINT           NOT NULL,
    last_at   BIGINT           NOT NULL,
    ended_at  BIGINT,                       -- NULL: it is open
    sealed    BYTEA            NOT NULL     -- the subject's name; empty: it was erased
);

CREATE UNIQUE INDEX cases_open ON cases (source, subject, matter) WHERE state = 'open';
CREATE INDEX cases_source  ON cases (source, id);
CREATE INDEX cases_source_state ON cases (source, state, id);
CREATE INDEX cases_state   ON cases (state, id);
CREATE INDEX cases_subject ON cases (subject, id);

CREATE TABLE case_decisions (
    case_id  TEXT COLLATE "C" NOT NULL, -- cases.id
    decision TEXT COLLATE "C" NOT NULL, -- decisions.id
    ruling   TEXT COLLATE "C" CHECK (ruling IN ('upheld', 'overturned')), -- as in rulings; NULL: nobody has ruled on it
    PRIMARY KEY (case_id, decision)
);

CREATE UNIQUE INDEX case_decisions_decision ON case_decisions (decision);
CREATE INDEX case_decisions_ruling ON case_decisions (case_id, ruling, decision);

-- The matters of the cases that each side asks for.
ALTER TABLE policy_trial_differences ADD COLUMN without_case TEXT COLLATE "C";
ALTER TABLE policy_trial_differences ADD COLUMN with_case    TEXT COLLATE "C";

ALTER TABLE reversals ADD COLUMN cases BIGINT NOT NULL DEFAULT 0;

-- What active mode would have done is counted from the index alone.
DROP INDEX withheld_source;
CREATE INDEX withheld_source ON withheld (source, at, action, review, subject);
