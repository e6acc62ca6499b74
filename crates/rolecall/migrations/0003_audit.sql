-- A commit writes here; the sealer moves records into the chain at most 200 ms later.
CREATE TABLE audit_pending (
    key UUID PRIMARY KEY,                    -- UUIDv7: in the order of time
    record TEXT NOT NULL                     -- JSON, as it will be chained
);

CREATE TABLE audit_record (
    sequence BIGINT PRIMARY KEY,             -- 1, 2, 3, … without a gap
    at BIGINT NOT NULL,
    account TEXT NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    record TEXT NOT NULL,
    hash BYTEA NOT NULL                      -- SHA-256 over the hash before, the sequence and the record
);
CREATE INDEX audit_record_account ON audit_record (account, sequence);
CREATE INDEX audit_record_resource ON audit_record (resource, sequence);

CREATE TABLE audit_checkpoint (
    sequence BIGINT PRIMARY KEY,             -- how many records the signature covers
    hash BYTEA NOT NULL,
    signature BYTEA NOT NULL,                -- Ed25519 over sequence and hash
    at BIGINT NOT NULL
);
