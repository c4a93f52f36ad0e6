-- Sealing: the host key that all is sealed under, a key for each subject, and who was erased.

-- By what a host proves that it holds the key of this record. It does not give the key away.
CREATE TABLE host_key (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    proof BLOB    NOT NULL
) STRICT;

-- The key under which everything personal of a subject is encrypted, itself encrypted under the host's.
-- Rows are added at the end and never deleted, and no column changes its length: so SQLite never moves a
-- row, and overwriting a key leaves no copy of it behind in some half-filled page.
CREATE TABLE subject_keys (
    source     TEXT    NOT NULL,
    subject    TEXT    NOT NULL, -- keyed hash
    id         TEXT    NOT NULL, -- 16 random hexadecimal digits; zeros: erased, until the subject comes back
    wrapped    BLOB    NOT NULL, -- 72 bytes, as long as zeros
    created_at INTEGER NOT NULL,
    PRIMARY KEY (source, subject)
) STRICT;

-- Who was erased, in the order in which it happened. A backup that is older than a row holds what the row
-- erased, so it is erased again when the backup is restored: these rows are kept, also apart.
CREATE TABLE erasures (
    number    INTEGER PRIMARY KEY,
    source    TEXT    NOT NULL,
    subject   TEXT    NOT NULL, -- keyed hash
    key_id    TEXT    NOT NULL, -- of the key that went; zeros: there was none
    erased_at INTEGER NOT NULL,
    UNIQUE (source, subject, erased_at)
) STRICT;
