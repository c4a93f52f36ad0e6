-- Sealing: the host key that all is sealed under, a key for each subject, and who was erased.

-- By what a host proves that it holds the key of this record. It does not give the key away.
CREATE TABLE host_key (
    id    BIGINT PRIMARY KEY CHECK (id = 1),
    proof BYTEA  NOT NULL
);

-- The key under which everything personal of a subject is encrypted, itself encrypted under the host's.
-- Rows are never deleted: see SQLite's.
CREATE TABLE subject_keys (
    source     TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL, -- keyed hash
    id         TEXT COLLATE "C" NOT NULL, -- 16 random hexadecimal digits; zeros: erased, until the subject comes back
    wrapped    BYTEA            NOT NULL, -- 72 bytes, as long as zeros
    created_at BIGINT           NOT NULL,
    PRIMARY KEY (source, subject)
);

-- Who was erased, in the order in which it happened. A backup that is older than a row holds what the row
-- erased, so it is erased again when the backup is restored: these rows are kept, also apart.
CREATE TABLE erasures (
    number    BIGINT           PRIMARY KEY,
    source    TEXT COLLATE "C" NOT NULL,
    subject   TEXT COLLATE "C" NOT NULL, -- keyed hash
    key_id    TEXT COLLATE "C" NOT NULL, -- of the key that went; zeros: there was none
    erased_at BIGINT           NOT NULL,
    UNIQUE (source, subject, erased_at)
);
