-- Destinations that said that they want no more: nothing is sent there, and what is still to be sent
-- waits. A row goes when somebody enables the destination again; the audit log has both.
CREATE TABLE disabled_destinations (
    source      TEXT    PRIMARY KEY,
    disabled_at INTEGER NOT NULL,
    delivery    TEXT    NOT NULL -- outbox.id: what was being sent when it said so
) STRICT;
