-- What is not to be told before it begins: then it waits for its turn like all else.
CREATE TABLE delayed_deliveries (
    outbox      BIGINT           PRIMARY KEY, -- outbox.seq
    source      TEXT COLLATE "C" NOT NULL,
    subject     TEXT COLLATE "C" NOT NULL,    -- as in `outbox`
    destination TEXT COLLATE "C" NOT NULL,
    begins_at   BIGINT           NOT NULL
);

CREATE INDEX delayed_deliveries_subject ON delayed_deliveries (source, subject);
CREATE INDEX delayed_deliveries_begin   ON delayed_deliveries (source, destination, begins_at);
