-- The spine: events and their decisions, the audit log, keys, sources, and what is deployed.
-- Times are microseconds since 1970 in UTC, digests are 32 bytes of SHA-256, JSON is text.
-- Whatever is personal sits in a column `sealed`, one per row, encrypted under a key of its subject; no
-- other column may hold it. A column `subject` or `event_id` holds a keyed hash: 32 hexadecimal digits.
-- Of who was erased `subject` holds a pseudonym instead, and `sealed` nothing, or what may stay.
-- The same tables and columns as for SQLite. What is compared or put in order is COLLATE "C", byte by
-- byte, as SQLite does: the database's own order depends on the machine and changes with its releases.

-- Events, one row each. The primary key is what makes an event id of a source unique.
CREATE TABLE events (
    source      TEXT COLLATE "C" NOT NULL,
    event_id    TEXT COLLATE "C" NOT NULL,
    decision_id TEXT COLLATE "C" NOT NULL,
    subject     TEXT COLLATE "C" NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,
    time        BIGINT           NOT NULL,
    received_at BIGINT           NOT NULL,
    fingerprint BYTEA            NOT NULL,
    state       BIGINT           NOT NULL CHECK (state IN (0, 1, 2)), -- 0 accepted, 1 decided, 2 erased
    sealed      BYTEA            NOT NULL,                            -- the event
    PRIMARY KEY (source, event_id)
);

-- What is still to be decided, oldest first: ids of decisions ascend with time.
CREATE UNIQUE INDEX events_accepted ON events (decision_id) WHERE state = 0;

-- Of these, who they are about. A decided event is found through its decision.
CREATE INDEX events_accepted_subject ON events (subject, decision_id) WHERE state = 0;

-- What was erased before it was decided has no row among the decisions.
CREATE INDEX events_erased ON events (decision_id) WHERE state = 2;

-- Decisions in the order of their commits.
CREATE TABLE decisions (
    seq           BIGINT           PRIMARY KEY,
    id            TEXT COLLATE "C" NOT NULL UNIQUE,
    source        TEXT COLLATE "C" NOT NULL,
    subject       TEXT COLLATE "C" NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL,
    event_id      TEXT COLLATE "C" NOT NULL,
    decided_at    BIGINT           NOT NULL,
    mode          TEXT COLLATE "C" NOT NULL,
    tier          TEXT COLLATE "C" NOT NULL,
    action        TEXT COLLATE "C" NOT NULL,
    score         BIGINT           NOT NULL CHECK (score BETWEEN 0 AND 1000000), -- millionths
    policy_digest BYTEA            NOT NULL,
    generation    BIGINT           NOT NULL,
    semantics     BIGINT           NOT NULL,
    sealed        BYTEA            NOT NULL -- {"decision", "replay"}; of an erased one what may stay, in clear
);

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
    detector TEXT COLLATE "C" NOT NULL,
    source   TEXT COLLATE "C" NOT NULL,
    tier     TEXT COLLATE "C" NOT NULL,
    decision BIGINT           NOT NULL, -- decisions.seq
    label    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (detector, source, tier, decision, label)
);

CREATE INDEX decision_labels_detector ON decision_labels (detector, decision, label);
CREATE INDEX decision_labels_source   ON decision_labels (detector, source, decision, label);
CREATE INDEX decision_labels_tier     ON decision_labels (detector, tier, decision, label);

-- The audit log. Numbered without gaps from 1; rows are added at the end and never change.
CREATE TABLE audit (
    seq       BIGINT           PRIMARY KEY,
    at        BIGINT           NOT NULL,
    actor     TEXT COLLATE "C" NOT NULL,
    role      TEXT COLLATE "C" NOT NULL,
    what      TEXT COLLATE "C" NOT NULL,
    object    TEXT COLLATE "C" NOT NULL,
    leaf_hash BYTEA            NOT NULL, -- SHA-256(0x00 || leaf), RFC 6962, section 2.1
    leaf      BYTEA            NOT NULL  -- the entry as canonical JSON, RFC 8785
);

CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: %', TG_ARGV[0];
END
$$;

CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses('an entry cannot be changed');

CREATE TRIGGER audit_never_shrinks BEFORE DELETE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses('an entry cannot be deleted');

CREATE TRIGGER audit_never_empties BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses('it cannot be emptied');

CREATE FUNCTION audit_appends() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    added  BIGINT;
    first  BIGINT;
    last   BIGINT;
    head   BIGINT;
    newest BIGINT;
BEGIN
    -- For a whole statement, not for each row: a commit adds hundreds at once. The numbers are
    -- unique, so they are the next ones where there are as many as from the first to the last.
    SELECT count(*), min(seq), max(seq) INTO added, first, last FROM entries;
    SELECT coalesce(max(seq), 0) INTO head FROM audit WHERE seq < first;
    SELECT max(seq) INTO newest FROM audit;
    IF added > 0 AND (first <> head + 1 OR last - first + 1 <> added OR newest <> last) THEN
        RAISE EXCEPTION 'the audit log is append-only: an entry can only be added at its end';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER audit_only_appends AFTER INSERT ON audit
REFERENCING NEW TABLE AS entries
FOR EACH STATEMENT EXECUTE FUNCTION audit_appends();

-- API keys. The key itself is never stored.
CREATE TABLE keys (
    id         TEXT COLLATE "C" PRIMARY KEY,
    role       TEXT COLLATE "C" NOT NULL,
    source     TEXT COLLATE "C",          -- NULL: every source
    name       TEXT COLLATE "C" NOT NULL,
    hash       BYTEA            NOT NULL UNIQUE,
    created_at BIGINT           NOT NULL,
    revoked_at BIGINT                     -- NULL: good
);

-- The platforms that events come from, and whether their decisions are enforced.
CREATE TABLE sources (
    source     TEXT COLLATE "C" PRIMARY KEY,
    mode       TEXT COLLATE "C" NOT NULL,
    created_at BIGINT           NOT NULL,
    updated_at BIGINT           NOT NULL
);

-- Every detector that was ever published, for replays: these rows are kept.
CREATE TABLE detector_versions (
    digest        BYTEA            PRIMARY KEY, -- of the file as shipped
    name          TEXT COLLATE "C" NOT NULL,
    version       TEXT COLLATE "C" NOT NULL,
    manifest      TEXT COLLATE "C" NOT NULL,
    bytes         BYTEA            NOT NULL,    -- zstd of the file as shipped
    size          BIGINT           NOT NULL,    -- of the file as shipped, in bytes
    first_seen_at BIGINT           NOT NULL
);

CREATE INDEX detector_versions_name ON detector_versions (name, first_seen_at);

-- Which version of a detector serves a source.
CREATE TABLE deployments (
    source     TEXT COLLATE "C" NOT NULL, -- '*': every source
    detector   TEXT COLLATE "C" NOT NULL,
    digest     BYTEA            NOT NULL REFERENCES detector_versions (digest),
    settings   TEXT COLLATE "C" NOT NULL,
    stage      TEXT COLLATE "C" NOT NULL,
    origin     TEXT COLLATE "C" NOT NULL, -- 'bundle', 'folder:<file>' or 'api'
    updated_at BIGINT           NOT NULL,
    PRIMARY KEY (source, detector)
);

-- Every policy that was ever published, for replays: these rows are kept.
CREATE TABLE policies (
    digest        BYTEA            PRIMARY KEY, -- of the text
    name          TEXT COLLATE "C" NOT NULL,
    version       BIGINT           NOT NULL,    -- numbered by the host, from 1 for each name
    source        TEXT COLLATE "C" NOT NULL,
    text          TEXT COLLATE "C" NOT NULL,
    first_seen_at BIGINT           NOT NULL,
    UNIQUE (name, version)
);

-- Which policy judges a source.
CREATE TABLE policy_deployments (
    source     TEXT COLLATE "C" PRIMARY KEY,
    digest     BYTEA            NOT NULL REFERENCES policies (digest),
    stage      TEXT COLLATE "C" NOT NULL,
    origin     TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT           NOT NULL
);

-- What was last taken from each file of the folders, or why it was refused.
CREATE TABLE inbox (
    file    TEXT COLLATE "C" PRIMARY KEY,
    digest  BYTEA,                        -- NULL: the file could not be read
    error   TEXT COLLATE "C",             -- NULL: it was taken
    seen_at BIGINT           NOT NULL
);

-- Grows whenever the set of detectors, policies or modes changes: servers watch it.
CREATE TABLE generation (
    id     BIGINT PRIMARY KEY CHECK (id = 1),
    number BIGINT NOT NULL
);

INSERT INTO generation (id, number) VALUES (1, 0);
