-- Cases: what people look into about one account and one matter.

CREATE TABLE cases (
    id        TEXT    PRIMARY KEY, -- that of the decision that opened it
    source    TEXT    NOT NULL,
    subject   TEXT    NOT NULL,    -- as in decisions.subject
    matter    TEXT    NOT NULL,    -- a word of the policy's rule
    state     TEXT    NOT NULL CHECK (state IN ('open', 'resolved', 'overturned')),
    decisions INTEGER NOT NULL,    -- how many are in it
    score     INTEGER NOT NULL CHECK (score BETWEEN 0 AND 1000000), -- millionths: the highest of its decisions
    severity  INTEGER NOT NULL,    -- of the most severe of its actions: the number of that among all
    opened_at INTEGER NOT NULL,
    last_at   INTEGER NOT NULL,
    ended_at  INTEGER,             -- NULL: it is open
    sealed    BLOB    NOT NULL     -- the subject's name; empty: it was erased
) STRICT;

CREATE UNIQUE INDEX cases_open ON cases (source, subject, matter) WHERE state = 'open';
CREATE INDEX cases_source  ON cases (source, id);
CREATE INDEX cases_source_state ON cases (source, state, id);
CREATE INDEX cases_state   ON cases (state, id);
CREATE INDEX cases_subject ON cases (subject, id);

CREATE TABLE case_decisions (
    case_id  TEXT NOT NULL, -- cases.id
    decision TEXT NOT NULL, -- decisions.id
    ruling   TEXT CHECK (ruling IN ('upheld', 'overturned')), -- as in rulings; NULL: nobody has ruled on it
    PRIMARY KEY (case_id, decision)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX case_decisions_decision ON case_decisions (decision);
CREATE INDEX case_decisions_ruling ON case_decisions (case_id, ruling, decision);

-- The matters of the cases that each side asks for.
ALTER TABLE policy_trial_differences ADD COLUMN without_case TEXT;
ALTER TABLE policy_trial_differences ADD COLUMN with_case    TEXT;

ALTER TABLE reversals ADD COLUMN cases INTEGER NOT NULL DEFAULT 0;

-- What active mode would have done is counted from the index alone.
DROP INDEX withheld_source;
CREATE INDEX withheld_source ON withheld (source, at, action, review, subject);
