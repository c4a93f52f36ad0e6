-- Pages of one source among many: without these a page of holds walks those of all sources.

CREATE INDEX holds_of_source       ON holds (source, id) WHERE released_at IS NULL;
CREATE INDEX holds_ended_of_source ON holds (source, id) WHERE released_at IS NOT NULL;
