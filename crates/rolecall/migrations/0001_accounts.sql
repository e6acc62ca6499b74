-- Who can sign in, and what signs them in.
CREATE TABLE account (
    key UUID PRIMARY KEY,
    id TEXT NOT NULL,
    folded_id TEXT NOT NULL UNIQUE,          -- spelled alike is the same account
    kind TEXT NOT NULL,                      -- person, application
    name TEXT NOT NULL DEFAULT '',
    email TEXT,
    folded_email TEXT UNIQUE,
    password_hash TEXT,                      -- argon2id; NULL: cannot sign in by password
    superadmin BOOLEAN NOT NULL DEFAULT FALSE,
    built_in BOOLEAN NOT NULL DEFAULT FALSE, -- admin, public
    disabled BOOLEAN NOT NULL DEFAULT FALSE,
    created_at BIGINT NOT NULL,
    last_sign_in_at BIGINT
);

CREATE TABLE token (
    key UUID PRIMARY KEY,
    account UUID NOT NULL REFERENCES account (key) ON DELETE CASCADE,
    hash BYTEA NOT NULL UNIQUE,              -- SHA-256 of the token
    kind TEXT NOT NULL,                      -- sign_in, generated
    description TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    expires_at BIGINT,                       -- NULL: never
    extend_by BIGINT,                        -- milliseconds that a use puts the end off to; NULL: it stays
    proved_at BIGINT NOT NULL,               -- when its holder last proved who they are
    last_used_at BIGINT NOT NULL,
    last_ip TEXT NOT NULL DEFAULT '',
    last_user_agent TEXT NOT NULL DEFAULT '',
    organization TEXT                        -- the one switched into
);
CREATE INDEX token_account ON token (account, created_at);

-- Failed sign-ins: one row per account and per address, so that a lock survives a restart and counts on every node.
CREATE TABLE throttle (
    counter TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_failure_at BIGINT NOT NULL
);

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL                      -- JSON
);
