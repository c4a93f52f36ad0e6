-- The life of a detector's version: stages, trials, alerts.

-- The detached signatures as they came with the file; NULL: none.
ALTER TABLE detector_versions ADD COLUMN signature TEXT;
-- Why it may not count: it answered one event in two ways. NULL: it was never seen to.
ALTER TABLE detector_versions ADD COLUMN impure TEXT;

CREATE INDEX detector_versions_version ON detector_versions (name, version);

-- Which versions of a detector stand where for a source. A row is one file with one set of settings;
-- rows are kept, for decisions name their settings by digest.
ALTER TABLE deployments RENAME TO deployments_of_spine;

CREATE TABLE deployments (
    id           INTEGER PRIMARY KEY,
    source       TEXT    NOT NULL, -- '*': every source
    detector     TEXT    NOT NULL,
    digest       BLOB    NOT NULL REFERENCES detector_versions (digest),
    settings     TEXT    NOT NULL,
    stage        TEXT    NOT NULL,
    before       TEXT,             -- the stage that a quarantined one had
    canary       TEXT,             -- of a canary: its share and bounds, as JSON
    salt         BLOB    NOT NULL, -- 16 bytes: which subjects are in the share; one for each detector
    origin       TEXT    NOT NULL, -- 'bundle', 'folder:<file>' or 'api'
    published_by TEXT,             -- id of the key; NULL: the program or a folder
    why          TEXT    NOT NULL, -- of its last move
    served_at    INTEGER,          -- when it was last made active; NULL: never
    updated_at   INTEGER NOT NULL
) STRICT;

INSERT INTO deployments (source, detector, digest, settings, stage, salt, origin, why, served_at, updated_at)
SELECT source, detector, digest, settings, stage, randomblob(16), origin, '', updated_at, updated_at
FROM deployments_of_spine;

DROP TABLE deployments_of_spine;

-- Of one detector and source at most one version stands at each of these.
CREATE UNIQUE INDEX deployments_standing ON deployments (source, detector, stage)
WHERE stage IN ('active', 'canary', 'shadow');

CREATE INDEX deployments_detector ON deployments (detector, source);

-- What a version did while it was compared with the one that counts, in sums since it got there.
CREATE TABLE trials (
    deployment     INTEGER NOT NULL REFERENCES deployments (id),
    stage          TEXT    NOT NULL, -- 'shadow' or 'canary'
    since          INTEGER NOT NULL,
    events         INTEGER NOT NULL, -- that it saw
    counted        INTEGER NOT NULL, -- of these, in which it had a say
    failures       INTEGER NOT NULL,
    fired          INTEGER NOT NULL, -- found something
    micros         INTEGER NOT NULL, -- processor time of all runs
    micros_max     INTEGER NOT NULL, -- of one run
    stricter       INTEGER NOT NULL, -- decisions that with it are more severe than without
    milder         INTEGER NOT NULL,
    retiered       INTEGER NOT NULL, -- another tier, the same action
    reviews_added  INTEGER NOT NULL, -- decisions that with it want a person, and without do not
    reviews_spared INTEGER NOT NULL,
    PRIMARY KEY (deployment, stage)
) STRICT;

-- The decisions behind `stricter`, `milder` and `retiered`, up to a limit for each trial.
CREATE TABLE trial_differences (
    deployment INTEGER NOT NULL,
    decision   TEXT    NOT NULL, -- decisions.id
    subject    TEXT    NOT NULL, -- as in decisions
    direction  TEXT    NOT NULL, -- 'stricter', 'milder' or 'retiered'
    without    TEXT    NOT NULL, -- the action without it
    with_it    TEXT    NOT NULL, -- the action with it
    at         INTEGER NOT NULL,
    PRIMARY KEY (deployment, decision)
) STRICT, WITHOUT ROWID;

CREATE INDEX trial_differences_subject ON trial_differences (subject);

-- What somebody should look at.
CREATE TABLE alerts (
    id     TEXT    PRIMARY KEY,
    at     INTEGER NOT NULL,
    kind   TEXT    NOT NULL, -- such as 'detector.quarantined'
    object TEXT    NOT NULL, -- what it is about, such as 'contact-phone 1.2.0'
    text   TEXT    NOT NULL
) STRICT;

CREATE INDEX alerts_at ON alerts (at, id);

-- What a person said of a decision: the last word of each.
CREATE TABLE rulings (
    decision TEXT    PRIMARY KEY, -- decisions.id
    ruling   TEXT    NOT NULL,    -- 'upheld' or 'overturned'
    ruled_by TEXT    NOT NULL,    -- id of the key
    at       INTEGER NOT NULL,
    sealed   BLOB    NOT NULL     -- why
) STRICT;

-- Of the ruled decisions, those in which a canary had found something and had a say.
CREATE TABLE ruled_canaries (
    deployment INTEGER NOT NULL,
    decision   TEXT    NOT NULL,
    overturned INTEGER NOT NULL CHECK (overturned IN (0, 1)),
    at         INTEGER NOT NULL, -- of the decision
    PRIMARY KEY (deployment, decision)
) STRICT, WITHOUT ROWID;
