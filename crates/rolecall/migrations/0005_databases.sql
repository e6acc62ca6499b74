CREATE TABLE service (
    key UUID PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (key),
    name TEXT NOT NULL,
    engine TEXT NOT NULL,
    mode TEXT NOT NULL,                      -- managed, attached
    state TEXT NOT NULL,                     -- creating, running, stopped, starting, stopping, failed, unreachable
    wanted TEXT NOT NULL,                    -- running, restarted, stopped, deleted: what was asked for last
    step TEXT,                               -- how far a long piece of work is
    failure TEXT,                            -- one sentence, when failed or unreachable
    findings TEXT NOT NULL DEFAULT '[]',     -- JSON: what could not be done on the server
    version TEXT NOT NULL DEFAULT '',
    host TEXT NOT NULL,
    port BIGINT NOT NULL,
    database_name TEXT NOT NULL,
    tls TEXT NOT NULL,
    tls_ca TEXT,
    admin_username TEXT NOT NULL,
    admin_password BYTEA,                    -- sealed
    default_user TEXT NOT NULL DEFAULT '',   -- the protected one
    node TEXT NOT NULL DEFAULT '',           -- on whose disk a managed service lies
    uid BIGINT,                              -- under which it runs
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    lease_holder UUID,                       -- whose turn it is to change an attached service
    lease_until BIGINT,
    UNIQUE (project, name)
);
CREATE UNIQUE INDEX service_uid ON service (node, uid);

-- What we know of a login beyond what its server says.
CREATE TABLE service_user (
    key UUID PRIMARY KEY,
    service UUID NOT NULL REFERENCES service (key) ON DELETE CASCADE,
    username TEXT NOT NULL,
    read_only BOOLEAN NOT NULL,
    replication BOOLEAN NOT NULL,
    protected BOOLEAN NOT NULL DEFAULT FALSE,
    password BYTEA,                          -- sealed; NULL: unknown to us
    verifier TEXT,                           -- what the server holds for it
    intent TEXT NOT NULL,                    -- kept, or what is being done to it
    next_password BYTEA,                     -- sealed: recorded before the server hears of it
    next_verifier TEXT,
    next_replication BOOLEAN,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    password_changed_at BIGINT NOT NULL,
    UNIQUE (service, username)
);
