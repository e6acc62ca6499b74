-- Work that must be finished, also after a crash.
CREATE TABLE job (
    key UUID PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,                   -- what it is about; one job per kind and subject
    run_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    holder UUID,                             -- the process that works on it
    held_until BIGINT,
    created_at BIGINT NOT NULL,
    UNIQUE (kind, subject)
);
CREATE INDEX job_due ON job (run_at);
