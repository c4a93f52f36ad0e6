-- What is not to be told before it begins: then it waits for its turn like all else.
CREATE TABLE delayed_deliveries (
    outbox      INTEGER PRIMARY KEY, -- outbox.seq
    source      TEXT    NOT NULL,
    subject     TEXT    NOT NULL,    -- as in `outbox`
    destination TEXT    NOT NULL,
    begins_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX delayed_deliveries_subject ON delayed_deliveries (source, subject);
CREATE INDEX delayed_deliveries_begin   ON delayed_deliveries (source, destination, begins_at);
