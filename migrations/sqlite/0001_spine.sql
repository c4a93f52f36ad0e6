-- The spine: events and their decisions, the audit log, keys, sources, and what is deployed.
-- Times are microseconds since 1970 in UTC, digests are 32 bytes of SHA-256, JSON is text.
-- Whatever is personal sits in a column `sealed`, one per row, encrypted under a key of its subject; no
-- other column may hold it. A column `subject` or `event_id` holds a keyed hash: 32 hexadecimal digits.
-- Of who was erased `subject` holds a pseudonym instead, and `sealed` nothing, or what may stay.

-- Events, one row each. The primary key is what makes an event id of a source unique.
CREATE TABLE events (
    source      TEXT    NOT NULL,
    event_id    TEXT    NOT NULL,
    decision_id TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    time        INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    fingerprint BLOB    NOT NULL,
    state       INTEGER NOT NULL CHECK (state IN (0, 1, 2)), -- 0 accepted, 1 decided, 2 erased
    sealed      BLOB    NOT NULL,                            -- the event
    PRIMARY KEY (source, event_id)
) STRICT;

-- What is still to be decided, oldest first: ids of decisions ascend with time.
CREATE UNIQUE INDEX events_accepted ON events (decision_id) WHERE state = 0;

-- Of these, who they are about. A decided event is found through its decision.
CREATE INDEX events_accepted_subject ON events (subject, decision_id) WHERE state = 0;

-- What was erased before it was decided has no row among the decisions.
CREATE INDEX events_erased ON events (decision_id) WHERE state = 2;

-- Decisions in the order of their commits.
CREATE TABLE decisions (
    seq           INTEGER PRIMARY KEY,
    id            TEXT    NOT NULL UNIQUE,
    source        TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    event_id      TEXT    NOT NULL,
    decided_at    INTEGER NOT NULL,
    mode          TEXT    NOT NULL,
    tier          TEXT    NOT NULL,
    action        TEXT    NOT NULL,
    score         INTEGER NOT NULL CHECK (score BETWEEN 0 AND 1000000), -- millionths
    policy_digest BLOB    NOT NULL,
    generation    INTEGER NOT NULL,
    semantics     INTEGER NOT NULL,
    sealed        BLOB    NOT NULL -- {"decision", "replay"}; of an erased one what may stay, in clear
) STRICT;

-- For searches, which go from the newest to the oldest. They order by `-seq`, which no other index
-- offers: a planner that may choose would at times rather read all decisions backwards and drop what
-- does not fit, which for a source that has left takes seconds.
CREATE INDEX decisions_subject     ON decisions (subject, (-seq));
CREATE INDEX decisions_source      ON decisions (source, (-seq));
CREATE INDEX decisions_tier        ON decisions (tier, (-seq));
CREATE INDEX decisions_source_tier ON decisions (source, tier, (-seq));

-- What each detector had to say: a row per label that it found; a row with an empty label where it
-- did not finish. A detector that ran and found nothing has none: that is most of them, most times.
-- Source and tier are those of the decision, so that a search finds exactly what it wants by one index.
-- No foreign key: pruning deletes by range of `decision`, and checking would cost every commit.
CREATE TABLE decision_labels (
    detector TEXT    NOT NULL,
    source   TEXT    NOT NULL,
    tier     TEXT    NOT NULL,
    decision INTEGER NOT NULL, -- decisions.seq
    label    TEXT    NOT NULL,
    PRIMARY KEY (detector, source, tier, decision, label)
) STRICT, WITHOUT ROWID;

CREATE INDEX decision_labels_detector ON decision_labels (detector, decision, label);
CREATE INDEX decision_labels_source   ON decision_labels (detector, source, decision, label);
CREATE INDEX decision_labels_tier     ON decision_labels (detector, tier, decision, label);

-- The audit log. Numbered without gaps from 1; rows are added at the end and never change.
CREATE TABLE audit (
    seq       INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    actor     TEXT    NOT NULL,
    role      TEXT    NOT NULL,
    what      TEXT    NOT NULL,
    object    TEXT    NOT NULL,
    leaf_hash BLOB    NOT NULL, -- SHA-256(0x00 || leaf), RFC 6962, section 2.1
    leaf      BLOB    NOT NULL  -- the entry as canonical JSON, RFC 8785
) STRICT;

CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only: an entry cannot be changed');
END;

CREATE TRIGGER audit_never_shrinks BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only: an entry cannot be deleted');
END;

-- Also refuses INSERT OR REPLACE, which deletes without firing the trigger above.
CREATE TRIGGER audit_only_appends BEFORE INSERT ON audit
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only: an entry can only be added at its end');
END;

-- API keys. The key itself is never stored.
CREATE TABLE keys (
    id         TEXT    PRIMARY KEY,
    role       TEXT    NOT NULL,
    source     TEXT,             -- NULL: every source
    name       TEXT    NOT NULL,
    hash       BLOB    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER           -- NULL: good
) STRICT;

-- The platforms that events come from, and whether their decisions are enforced.
CREATE TABLE sources (
    source     TEXT    PRIMARY KEY,
    mode       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Every detector that was ever published, for replays: these rows are kept.
CREATE TABLE detector_versions (
    digest        BLOB    PRIMARY KEY, -- of the file as shipped
    name          TEXT    NOT NULL,
    version       TEXT    NOT NULL,
    manifest      TEXT    NOT NULL,
    bytes         BLOB    NOT NULL,    -- zstd of the file as shipped
    size          INTEGER NOT NULL,    -- of the file as shipped, in bytes
    first_seen_at INTEGER NOT NULL
) STRICT;

CREATE INDEX detector_versions_name ON detector_versions (name, first_seen_at);

-- Which version of a detector serves a source.
CREATE TABLE deployments (
    source     TEXT    NOT NULL, -- '*': every source
    detector   TEXT    NOT NULL,
    digest     BLOB    NOT NULL REFERENCES detector_versions (digest),
    settings   TEXT    NOT NULL,
    stage      TEXT    NOT NULL,
    origin     TEXT    NOT NULL, -- 'bundle', 'folder:<file>' or 'api'
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (source, detector)
) STRICT;

-- Every policy that was ever published, for replays: these rows are kept.
CREATE TABLE policies (
    digest        BLOB    PRIMARY KEY, -- of the text
    name          TEXT    NOT NULL,
    version       INTEGER NOT NULL,    -- numbered by the host, from 1 for each name
    source        TEXT    NOT NULL,
    text          TEXT    NOT NULL,
    first_seen_at INTEGER NOT NULL,
    UNIQUE (name, version)
) STRICT;

-- Which policy judges a source.
CREATE TABLE policy_deployments (
    source     TEXT    PRIMARY KEY,
    digest     BLOB    NOT NULL REFERENCES policies (digest),
    stage      TEXT    NOT NULL,
    origin     TEXT    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- What was last taken from each file of the folders, or why it was refused.
CREATE TABLE inbox (
    file    TEXT    PRIMARY KEY,
    digest  BLOB,            -- NULL: the file could not be read
    error   TEXT,            -- NULL: it was taken
    seen_at INTEGER NOT NULL
) STRICT;

-- Grows whenever the set of detectors, policies or modes changes: servers watch it.
CREATE TABLE generation (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
) STRICT;

INSERT INTO generation (id, number) VALUES (1, 0);
