-- The life of a policy's version: stages and trials; and what sources in shadow mode would have enforced.

-- Where each version of a policy stands for the source that its text names. Rows are kept.
ALTER TABLE policy_deployments RENAME TO policy_deployments_of_spine;

CREATE TABLE policy_deployments (
    id           INTEGER PRIMARY KEY,
    source       TEXT    NOT NULL,
    digest       BLOB    NOT NULL UNIQUE REFERENCES policies (digest),
    stage        TEXT    NOT NULL,
    share        INTEGER,          -- of a canary: of the subjects, in millionths
    salt         BLOB    NOT NULL, -- 16 bytes: which subjects are in the share; one for each source
    origin       TEXT    NOT NULL, -- 'bundle', 'folder:<file>' or 'api'
    published_by TEXT,             -- id of the key; NULL: the program or a folder
    moved_by     TEXT,             -- of its last move, likewise
    why          TEXT    NOT NULL, -- of its last move
    served_at    INTEGER,          -- when it was last made active; NULL: never, or it was gone back from
    updated_at   INTEGER NOT NULL
) STRICT;

INSERT INTO policy_deployments (source, digest, stage, salt, origin, why, served_at, updated_at)
SELECT source, digest, stage, randomblob(16), origin, '', updated_at, updated_at
FROM policy_deployments_of_spine;

-- What judged before that. Where it came from was not kept: as a rule from where its successor came.
INSERT INTO policy_deployments (source, digest, stage, salt, origin, why, served_at, updated_at)
SELECT p.source, p.digest, 'retired', d.salt, d.origin, '', p.first_seen_at, p.first_seen_at
FROM policies AS p JOIN policy_deployments AS d ON d.source = p.source WHERE p.digest <> d.digest;

DROP TABLE policy_deployments_of_spine;

-- Of one source one version stands at each of these; in shadow there may be several.
CREATE UNIQUE INDEX policy_deployments_standing ON policy_deployments (source, stage)
WHERE stage IN ('active', 'canary');

CREATE INDEX policy_deployments_source ON policy_deployments (source, served_at);

-- What a version would have decided on the findings of the same events, beside the active one, in sums
-- since it got there or since another one became active.
CREATE TABLE policy_trials (
    deployment     INTEGER NOT NULL REFERENCES policy_deployments (id),
    stage          TEXT    NOT NULL, -- 'shadow' or 'canary'
    since          INTEGER NOT NULL,
    against        INTEGER,          -- the row of the active one; NULL: none was
    events         INTEGER NOT NULL, -- that it judged
    decided        INTEGER NOT NULL, -- of these, those that it decided
    stricter       INTEGER NOT NULL, -- decisions that with it are more severe than without
    milder         INTEGER NOT NULL,
    retiered       INTEGER NOT NULL, -- another tier or another word on review, the same action
    reviews        INTEGER NOT NULL, -- decisions that with it want a person
    reviews_added  INTEGER NOT NULL, -- of these, those that without it do not
    reviews_spared INTEGER NOT NULL, -- decisions that without it want a person, and with it do not
    PRIMARY KEY (deployment, stage)
) STRICT;

-- The decisions behind `stricter`, `milder` and `retiered`, up to a limit for each trial.
CREATE TABLE policy_trial_differences (
    deployment     INTEGER NOT NULL,
    decision       TEXT    NOT NULL, -- decisions.id
    subject        TEXT    NOT NULL, -- as in decisions
    direction      TEXT    NOT NULL, -- 'stricter', 'milder' or 'retiered'
    without_score  INTEGER NOT NULL, -- what the active one said; millionths
    without_tier   TEXT    NOT NULL,
    without_action TEXT    NOT NULL,
    without_review INTEGER NOT NULL CHECK (without_review IN (0, 1)),
    with_score     INTEGER NOT NULL, -- what this one said
    with_tier      TEXT    NOT NULL,
    with_action    TEXT    NOT NULL,
    with_review    INTEGER NOT NULL CHECK (with_review IN (0, 1)),
    at             INTEGER NOT NULL,
    PRIMARY KEY (deployment, decision)
) STRICT, WITHOUT ROWID;

CREATE INDEX policy_trial_differences_subject ON policy_trial_differences (subject);

-- Decisions in shadow mode that would have enforced something or ask for a person. What each would have
-- done it says itself; here it can be counted.
CREATE TABLE withheld (
    decision TEXT    PRIMARY KEY, -- decisions.id
    source   TEXT    NOT NULL,
    subject  TEXT    NOT NULL,    -- as in decisions
    action   TEXT    NOT NULL,    -- that it would have enforced
    review   INTEGER NOT NULL CHECK (review IN (0, 1)),
    at       INTEGER NOT NULL     -- when it was decided
) STRICT, WITHOUT ROWID;

CREATE INDEX withheld_source ON withheld (source, at);

-- How many decisions in shadow mode there were in each hour, whatever they would have done.
CREATE TABLE shadow_hours (
    source    TEXT    NOT NULL,
    hour      INTEGER NOT NULL, -- hours since 1970
    decisions INTEGER NOT NULL,
    PRIMARY KEY (source, hour)
) STRICT, WITHOUT ROWID;
