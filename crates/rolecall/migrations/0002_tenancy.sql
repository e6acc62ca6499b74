CREATE TABLE organization (
    id TEXT PRIMARY KEY,                     -- 'default' for the Default organization, else a UUID
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL UNIQUE,
    default_role TEXT NOT NULL,
    public BOOLEAN NOT NULL DEFAULT FALSE,   -- the Default organization only
    created_at BIGINT NOT NULL
);

CREATE TABLE organization_member (
    organization TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    account UUID NOT NULL REFERENCES account (key) ON DELETE CASCADE,
    role TEXT NOT NULL,
    joined_at BIGINT NOT NULL,
    PRIMARY KEY (organization, account)
);
CREATE INDEX organization_member_account ON organization_member (account);

CREATE TABLE project (
    key UUID PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,               -- lower case by its rule, so it folds to itself
    organization TEXT NOT NULL REFERENCES organization (id),
    created_at BIGINT NOT NULL
);
CREATE INDEX project_organization ON project (organization, name);

CREATE TABLE project_member (
    project UUID NOT NULL REFERENCES project (key) ON DELETE CASCADE,
    account UUID NOT NULL REFERENCES account (key) ON DELETE CASCADE,
    role TEXT NOT NULL,
    joined_at BIGINT NOT NULL,
    PRIMARY KEY (project, account)
);
CREATE INDEX project_member_account ON project_member (account);
