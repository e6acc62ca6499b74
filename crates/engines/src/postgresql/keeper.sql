-- What keeps everybody's rights inside a managed database: three event triggers, and the one rule that they share.
--
-- {readers} and {writers} are replaced by the numbers of the two groups: whoever renames a group must not stop
-- everybody's DDL. All that is called here is found in pg_catalog, whatever the user's search_path is; temporary
-- objects come last. A failure here is logged and never makes a user's statement fail: the next reconcile mends it.

CREATE SCHEMA IF NOT EXISTS rolecall;
DO $rolecall$ BEGIN
  IF NOT (SELECT o.rolsuper FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner
           WHERE n.nspname = 'rolecall') THEN
    RAISE object_in_use USING MESSAGE = 'the schema rolecall belongs to somebody else';
  END IF;
END $rolecall$;

-- Privileges that PUBLIC, the readers or one of them hold in `acl` beyond the allowed ones. Each holder is looked up by
-- itself: in one query all members would be read, and every table would cost more with every user.
CREATE OR REPLACE FUNCTION rolecall.excess(acl aclitem[], allowed text[])
RETURNS TABLE (privilege text, grantee oid)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $rolecall$
BEGIN
  FOR privilege, grantee IN
    SELECT DISTINCT a.privilege_type, a.grantee FROM aclexplode(acl) a WHERE a.privilege_type <> ALL (allowed)
  LOOP
    IF excess.grantee IN (0, {readers})
       OR EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = {readers} AND m.member = excess.grantee) THEN
      RETURN NEXT;
    END IF;
  END LOOP;
END
$rolecall$;

-- Gives one object the rights that it should have: readers read, writers do everything, nobody else writes by way of
-- PUBLIC, and routines that run as their owner are for writers only.
CREATE OR REPLACE FUNCTION rolecall.settle(class oid, object oid)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $rolecall$
DECLARE
  readers name := (SELECT rolname FROM pg_roles WHERE oid = {readers});
  writers name := (SELECT rolname FROM pg_roles WHERE oid = {writers});
  target text;      -- the object as GRANT names it
  reading text;     -- what readers get
  acl aclitem[];    -- what is granted now
  beyond record;
BEGIN
  IF readers IS NULL OR writers IS NULL THEN
    RETURN;
  END IF;

  IF class = 'pg_class'::regclass THEN
    SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass, 'SELECT',
           c.relacl || (SELECT array_agg(item) FROM pg_attribute t, unnest(t.attacl) item WHERE t.attrelid = c.oid)
      INTO target, reading, acl
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = object AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
       AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_';
  ELSIF class = 'pg_namespace'::regclass THEN
    SELECT 'SCHEMA ' || quote_ident(nspname), 'USAGE', nspacl INTO target, reading, acl
      FROM pg_namespace
     WHERE oid = object AND nspname NOT IN ('information_schema', 'rolecall') AND nspname !~ '^pg_';
  ELSIF class = 'pg_proc'::regclass THEN
    SELECT 'ROUTINE ' || p.oid::regprocedure, NULL, coalesce(p.proacl, acldefault('f', p.proowner))
      INTO target, reading, acl
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE p.oid = object AND p.prosecdef
       AND n.nspname NOT IN ('information_schema', 'rolecall') AND n.nspname !~ '^pg_';
  ELSIF class = 'pg_largeobject'::regclass THEN
    SELECT 'LARGE OBJECT ' || oid, 'SELECT', lomacl INTO target, reading, acl
      FROM pg_largeobject_metadata WHERE oid = object;
  END IF;
  IF target IS NULL THEN
    RETURN;
  END IF;

  FOR beyond IN SELECT * FROM rolecall.excess(acl, array_remove(ARRAY[reading], NULL)) LOOP
    EXECUTE format('REVOKE %s ON %s FROM %s CASCADE', beyond.privilege, target,
                   CASE beyond.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(beyond.grantee)) END);
  END LOOP;
  IF reading IS NOT NULL THEN
    EXECUTE format('GRANT %s ON %s TO %I', reading, target, readers);
  END IF;
  EXECUTE format('GRANT ALL ON %s TO %I', target, writers);
END
$rolecall$;

-- Settles whatever was just made or altered, whoever did it; of an extension, all that it brought.
CREATE OR REPLACE FUNCTION rolecall.follow()
RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $rolecall$
DECLARE
  made record;
BEGIN
  FOR made IN
    SELECT coalesce(e.classid, c.classid) AS class, coalesce(e.objid, c.objid) AS object
      FROM pg_event_trigger_ddl_commands() c
      LEFT JOIN pg_depend e ON c.classid = 'pg_extension'::regclass AND e.refclassid = c.classid
                           AND e.refobjid = c.objid AND e.deptype = 'e'
     WHERE c.objid IS NOT NULL AND NOT c.in_extension
  LOOP
    BEGIN
      PERFORM rolecall.settle(made.class, made.object);
    EXCEPTION WHEN OTHERS THEN
      RAISE LOG 'rolecall: the rights on object % of % could not be settled: %', made.object, made.class::regclass, SQLERRM;
    END;
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  RAISE LOG 'rolecall: what was made could not be followed: %', SQLERRM;
END
$rolecall$;

-- Refuses all DDL to whoever signed in as a reader: temporary tables, default privileges, DROP OWNED.
CREATE OR REPLACE FUNCTION rolecall.guard()
RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $rolecall$
BEGIN
  IF EXISTS (SELECT FROM pg_roles u
              WHERE u.rolname = session_user AND NOT u.rolsuper AND pg_has_role(u.oid, {readers}::oid, 'MEMBER')) THEN
    RAISE insufficient_privilege USING MESSAGE = format('%I may only read: %s is not allowed', session_user, tg_tag);
  END IF;
END
$rolecall$;

-- While a user is being deleted, nothing but rights may go: what somebody made in its name at the last moment stays.
CREATE OR REPLACE FUNCTION rolecall.keep()
RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $rolecall$
BEGIN
  IF current_setting('rolecall.deleting', true) = 'on' AND EXISTS (
    SELECT FROM pg_event_trigger_dropped_objects() o
     WHERE o.original AND o.object_type NOT IN ('user mapping', 'default acl', 'policy')) THEN
    RAISE object_in_use USING MESSAGE = 'something new belongs to the user';
  END IF;
END
$rolecall$;

REVOKE ALL ON SCHEMA rolecall FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA rolecall FROM PUBLIC;

DROP EVENT TRIGGER IF EXISTS rolecall_follow;
DROP EVENT TRIGGER IF EXISTS rolecall_guard;
DROP EVENT TRIGGER IF EXISTS rolecall_keep;
CREATE EVENT TRIGGER rolecall_follow ON ddl_command_end WHEN TAG IN (
  'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE VIEW', 'CREATE MATERIALIZED VIEW', 'CREATE FOREIGN TABLE',
  'CREATE SEQUENCE', 'CREATE SCHEMA', 'IMPORT FOREIGN SCHEMA', 'CREATE EXTENSION', 'ALTER EXTENSION',
  'ALTER TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER FOREIGN TABLE', 'ALTER SEQUENCE', 'ALTER SCHEMA',
  'CREATE FUNCTION', 'CREATE PROCEDURE', 'ALTER FUNCTION', 'ALTER PROCEDURE', 'ALTER ROUTINE')
  EXECUTE FUNCTION rolecall.follow();
CREATE EVENT TRIGGER rolecall_guard ON ddl_command_start EXECUTE FUNCTION rolecall.guard();
CREATE EVENT TRIGGER rolecall_keep ON sql_drop WHEN TAG IN ('DROP OWNED') EXECUTE FUNCTION rolecall.keep();
ALTER EVENT TRIGGER rolecall_follow ENABLE ALWAYS;
ALTER EVENT TRIGGER rolecall_guard ENABLE ALWAYS;
ALTER EVENT TRIGGER rolecall_keep ENABLE ALWAYS;

-- What writes and asks for no right by default. By name: the arguments differ between versions.
DO $rolecall$
DECLARE
  routine regprocedure;
BEGIN
  FOR routine IN SELECT oid FROM pg_catalog.pg_proc
                  WHERE pronamespace = 'pg_catalog'::regnamespace
                    AND proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'pg_logical_emit_message') LOOP
    EXECUTE pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', routine);
    EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I', routine, pg_catalog.pg_get_userbyid({writers}));
  END LOOP;
END
$rolecall$;
