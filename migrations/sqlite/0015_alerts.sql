-- Alerts of rules: counts by which they are raised, who has seen one, and which are over.

-- What came in each minute, written with it: decisions, their tiers and labels, failures; and what people said
-- of decisions. Of eight days.
CREATE TABLE rates (
    source TEXT    NOT NULL,
    what   TEXT    NOT NULL, -- 'decided', 'failed', 'tier:high', 'label:contact.phone', 'ruled', 'overturned'
    minute INTEGER NOT NULL, -- since 1970
    count  INTEGER NOT NULL,
    PRIMARY KEY (source, what, minute)
) STRICT, WITHOUT ROWID;

CREATE INDEX rates_minute ON rates (minute);

-- NULL: no rule raised it, it tells of what happened once.
ALTER TABLE alerts ADD COLUMN rule            TEXT;
ALTER TABLE alerts ADD COLUMN source          TEXT;    -- of a rule's: the source
ALTER TABLE alerts ADD COLUMN resolved_at     INTEGER; -- of a rule's: when it was over; NULL: it is not
ALTER TABLE alerts ADD COLUMN acknowledged_at INTEGER; -- NULL: nobody has said that they saw it
ALTER TABLE alerts ADD COLUMN acknowledged_by TEXT;    -- id of the key
ALTER TABLE alerts ADD COLUMN why             TEXT;    -- what they said

-- How often one was found so, at most once a minute. It follows from what was counted.
CREATE TABLE alert_counts (
    alert   TEXT PRIMARY KEY, -- alerts.id; no row: once, when it was raised
    count   INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT;

-- Of one rule and source one alert is open.
CREATE UNIQUE INDEX alerts_open ON alerts (rule, source) WHERE rule IS NOT NULL AND resolved_at IS NULL;
