-- Destinations that said that they want no more: nothing is sent there, and what is still to be sent
-- waits. A row goes when somebody enables the destination again; the audit log has both.
CREATE TABLE disabled_destinations (
    source      TEXT COLLATE "C" PRIMARY KEY,
    disabled_at BIGINT           NOT NULL,
    delivery    TEXT COLLATE "C" NOT NULL -- outbox.id: what was being sent when it said so
);
