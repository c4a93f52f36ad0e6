-- Several destinations of one source: what is for one waits behind nothing that is for another.

-- The destination's name; empty: the one that has none.
ALTER TABLE outbox ADD COLUMN destination TEXT NOT NULL DEFAULT '';
-- From what it is made that it is undone: 'decision'; 'itself', so that it is kept; 'nothing': it is not.
ALTER TABLE outbox ADD COLUMN undone_by TEXT NOT NULL DEFAULT 'decision';
CREATE INDEX outbox_destination ON outbox (source, destination, state, seq);

ALTER TABLE delivery_claims ADD COLUMN destination TEXT NOT NULL DEFAULT '';
DROP INDEX delivery_claims_subject;
DROP INDEX delivery_claims_due;
CREATE INDEX delivery_claims_subject ON delivery_claims (source, subject, destination, outbox);
CREATE INDEX delivery_claims_due     ON delivery_claims (source, destination, due_at) WHERE due_at IS NOT NULL;

ALTER TABLE disabled_destinations RENAME TO disabled_destinations_of_hooks;

CREATE TABLE disabled_destinations (
    source      TEXT    NOT NULL,
    destination TEXT    NOT NULL, -- as in `outbox`
    disabled_at INTEGER NOT NULL,
    delivery    TEXT    NOT NULL, -- outbox.id: what was being sent when it said so
    PRIMARY KEY (source, destination)
) STRICT;

INSERT INTO disabled_destinations (source, destination, disabled_at, delivery)
SELECT source, '', disabled_at, delivery FROM disabled_destinations_of_hooks;

DROP TABLE disabled_destinations_of_hooks;
